/** Loaded before the program: the GPU is lost as soon as the file that LOSE_DEVICE_ONCE names is there. */
import { existsSync } from 'node:fs';
import { globals } from 'webgpu';

const { GPUAdapter, GPUQueue } = globals;
const { requestDevice } = GPUAdapter.prototype;
const { submit } = GPUQueue.prototype;
GPUAdapter.prototype.requestDevice = async function (...descriptor) {
  const device = await requestDevice.apply(this, descriptor);
  GPUQueue.prototype.submit = function (...commands) {
    if (existsSync(process.env.LOSE_DEVICE_ONCE)) device.destroy();
    return submit.apply(this, commands);
  };
  return device;
};
