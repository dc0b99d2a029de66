/** Boards that qemu emulates, each with a processor that the exported C is for: how programs for them are built and run. */
import { spawnSync } from 'node:child_process';

/**
 * @typedef {object} Board
 * @property {string} compiler
 * @property {readonly string[]} target
 * @property {readonly string[]} emulator
 * @property {{ flash: number, flashBytes: number, ram: number, ramBytes: number }} memory where it lies, for picolibc's
 *   linker script
 */

const mebibyte = 2 ** 20;
const arm = { flash: 0, flashBytes: 4 * mebibyte, ram: 0x20000000, ramBytes: 4 * mebibyte };

/** @type {Readonly<Record<'Cortex-M0+' | 'Cortex-M3' | 'Cortex-M4' | 'Cortex-M55' | 'RV32', Board>>} */
export const boards = {
  'Cortex-M0+': {
    compiler: 'arm-none-eabi-gcc',
    target: ['-mcpu=cortex-m0plus', '-mthumb'],
    emulator: ['qemu-system-arm', '-M', 'microbit'],
    memory: { ...arm, flashBytes: 2 ** 18, ramBytes: 2 ** 14 },
  },
  'Cortex-M3': {
    compiler: 'arm-none-eabi-gcc',
    target: ['-mcpu=cortex-m3', '-mthumb'],
    emulator: ['qemu-system-arm', '-M', 'mps2-an385'],
    memory: arm,
  },
  'Cortex-M4': {
    compiler: 'arm-none-eabi-gcc',
    target: ['-mcpu=cortex-m4', '-mthumb'],
    emulator: ['qemu-system-arm', '-M', 'mps2-an386'],
    memory: arm,
  },
  'Cortex-M55': {
    compiler: 'arm-none-eabi-gcc',
    target: ['-mcpu=cortex-m55', '-mthumb', '-mfloat-abi=hard'],
    emulator: ['qemu-system-arm', '-M', 'mps3-an547'],
    memory: { ...arm, flashBytes: mebibyte / 2, ramBytes: mebibyte / 2 },
  },
  RV32: {
    compiler: 'riscv64-unknown-elf-gcc',
    target: ['-march=rv32imac', '-mabi=ilp32'],
    emulator: ['qemu-system-riscv32', '-M', 'virt', '-bios', 'none'],
    memory: { flash: 0x80000000, flashBytes: 32 * mebibyte, ram: 0x82000000, ramBytes: 8 * mebibyte },
  },
};

const library = '--specs=picolibc.specs';

/**
 * Compiles `net.c` of a folder to `net.o`.
 *
 * @param {string} folder
 * @param {Board} board
 * @param {readonly string[]} [flags]
 */
export function compile(folder, { compiler, target }, flags = []) {
  run(folder, compiler, '-std=c99', '-O2', ...flags, ...target, library, '-c', '-o', 'net.o', 'net.c');
}

/**
 * Links `net.o` with `test.c` and runs the program, with a plugin of qemu or without.
 *
 * @param {string} folder
 * @param {Board} board
 * @param {string} [plugin]
 * @returns {string} what it and the plugin printed
 */
export function emulate(folder, { compiler, target, memory, emulator }, plugin) {
  const { flash, flashBytes, ram, ramBytes } = memory;
  const symbols = Object.entries({ __flash: flash, __flash_size: flashBytes, __ram: ram, __ram_size: ramBytes });
  const layout = symbols.map(([name, value]) => `-Wl,--defsym=${name}=0x${value.toString(16)}`);
  const hosted = [library, '--oslib=semihost', '--crt0=hosted', ...layout];
  run(folder, compiler, '-std=c99', '-O2', ...target, ...hosted, '-o', 'test.elf', 'test.c', 'net.o');
  const options = ['-display', 'none', '-monitor', 'none', '-serial', 'none', ...(plugin ? ['-plugin', plugin] : [])];
  const semihosting = ['-semihosting-config', 'enable=on,target=native'];
  const [program, ...machine] = emulator;
  const { stdout, stderr } = spawn(folder, program, ...machine, ...options, ...semihosting, '-kernel', 'test.elf');
  return stdout + stderr;
}

function run(folder, command, ...args) {
  const { status, stdout, stderr } = spawn(folder, command, ...args);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${status}\n${stderr}${stdout}`);
}

function spawn(folder, command, ...args) {
  const ran = spawnSync(command, args, { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 28, timeout: 300_000 });
  if (ran.error) throw ran.error;
  return ran;
}
