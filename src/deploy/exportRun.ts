/**
 * `mpdnn export`: writes a run as files for devices, each checked against the integer network before any is written.
 * The folder is prepared beside its place and renamed into it, so that a failed export leaves nothing.
 */

import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Features } from '../data/features.js';
import { png } from '../disk/png.js';
import { InputError } from '../errors.js';
import { packageVersion } from '../packageVersion.js';
import { planArena } from '../ship/arena.js';
import { cFiles, prefixOf } from '../ship/c/files.js';
import { ramBytes } from '../ship/c/header.js';
import { constantBytes as tableBytes } from '../ship/c/networkSource.js';
import { guardBytes, type Plan, planOf, weightBytes } from '../ship/c/plan.js';
import { checkImages, testImages } from '../ship/checkImages.js';
import { type InputQuantization, type IntegerNetwork, inputOf } from '../ship/integerNetwork.js';
import { exactModel } from '../ship/onnx/exactModel.js';
import { npuModel } from '../ship/onnx/npuModel.js';
import { qonnxModel } from '../ship/onnx/qonnxModel.js';
import { packNetwork } from '../ship/packedFile.js';
import { unpackNetwork } from '../ship/packedReader.js';
import { usualForms } from '../ship/shippable.js';
import { networkFault } from '../ship/verification.js';
import { type CheckResult, checkOnnx, checkRuntime, type Expected, expectedResults } from './checks.js';
import { codeBytes } from './codeBytes.js';
import { exportDocument } from './exportDocument.js';
import { type ExportedLayer, exportedLayers } from './exportedLayers.js';
import { type NpuMismatches, npuMismatches } from './npuMismatches.js';
import type { TrainedNetwork } from './trainedNetwork.js';

export const exportFormats = [...usualForms, 'qonnx'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** `exact`: the same integers everywhere; `npu`: a form that accelerators fuse, which is not exact. */
export const onnxProfiles = ['exact', 'npu'] as const;
export type OnnxProfile = (typeof onnxProfiles)[number];

export interface ExportOptions {
  readonly formats: ReadonlySet<ExportFormat>;
  /** The form of net.onnx. */
  readonly profile: OnnxProfile;
  /** ONNX weights of up to 2 and 4 bits as int2 and int4, in the exact profile. */
  readonly packed: boolean;
  /** The folder to make. */
  readonly out: string;
  readonly force: boolean;
  /** Called during the checks that take longest, each named in words. */
  readonly task?: (name: string, done: number, total: number) => void;
  /** Draws pictures of an export, by file name; absent for none. */
  readonly draw?: (summary: ExportContent) => Promise<ReadonlyMap<string, string | Uint8Array>>;
}

/** Conversion of inputs to bytes, with the byte of 0, which is the same in all channels. */
type InputBytes = InputQuantization & { readonly zero: number };

/** The content of export.json. */
export interface ExportSummary {
  readonly run: string;
  readonly version: string;
  readonly classes: readonly string[];
  /** Meaning of input bytes that are no pixels; a device has to compute the same ones. */
  readonly features: Features | null;
  /** Conversion of inputs to the bytes that all files read; null if they are bytes. */
  readonly input_quantization: InputBytes | null;
  readonly layers: readonly ExportedLayer[];
  readonly bytes: {
    /** Packed weights: what training counts save biases that are constants here, each tensor rounded up to whole bytes. */
    readonly weights: number;
    /** Multipliers, biases, shifts and tables in the packed file. */
    readonly constants: number;
    /** The largest sum of activations in memory at once. */
    readonly ram: number;
    /** All static memory of the C program: activations, and buffers of rows, filters and sums. Null without C. */
    readonly c_ram: number | null;
    /** The same constants in the C program, in the types of C. Null without C. */
    readonly c_constants: number | null;
    /** Code of the C program on a Cortex-M4; null without C, or if arm-none-eabi-gcc is not installed. */
    readonly c_code: number | null;
  };
  readonly macs: number;
  /** Targets of the experiment and sizes as counted in training; null without a target. */
  readonly budget_kb: { readonly weights: number | null; readonly activations: number | null };
  readonly weights_kb: number;
  /** Activations in memory at once, as counted in training; null for older runs. */
  readonly activations_peak_kb: number | null;
  readonly checks: Readonly<Record<string, CheckResult>>;
  /** Differences between net.onnx and the integer network on check images, if it has the profile `npu`. */
  readonly npu_mismatches: NpuMismatches | null;
  /** Integer logits of check images 1, 2 and 3. */
  readonly test_logits: readonly (readonly number[])[];
  readonly files: readonly string[];
}

/** The summary of an export before its files are known. */
export type ExportContent = Omit<ExportSummary, 'files'>;

/** Number of images that every form has to compute correctly before it is written. */
const checkedImages = 8;

/**
 * Writes the files. Resolves to their summary.
 *
 * @throws InputError if the folder is in the way, or if a form differs from the trained network
 */
export async function exportRun(trained: TrainedNetwork, options: ExportOptions): Promise<ExportSummary> {
  checkReplaceable(options);
  const { lowered, run, classes, experiment, sizes } = trained;
  const { network } = lowered;
  const packed = checkedPack(trained);
  const images = checkImages(network, checkedImages);
  const expected = expectedResults(network, images, progressOf(options, 'running the integers'));
  const layers = exportedLayers(network);
  const testLogits = expected.slice(0, testImages).map(({ logits }) => logits);
  const metadata = onnxMetadata(trained, layers, testLogits);
  const { files, checks, program } = await checkedForms(trained, options, { packed, expected, metadata });
  const isNpu = options.formats.has('onnx') && options.profile === 'npu';
  const { targetWeightKbytes, targetActivationKbytes, targetActivationType } = experiment.budget;
  const content: ExportContent = {
    run: run.config.experiment,
    version: packageVersion(),
    classes,
    features: run.config.data?.features ?? null,
    input_quantization: inputBytes(network),
    layers,
    bytes: {
      weights: total(layers, ({ weightBytes }) => weightBytes),
      constants: total(layers, ({ constantBytes }) => constantBytes),
      ram: planArena(network).bytes,
      c_ram: program && ramBytes(program.plan),
      c_constants: program && tableBytes(program.plan),
      c_code: program && codeBytes(program.sources, program.name, constantsIn(program.plan)),
    },
    macs: total(layers, ({ macs }) => macs),
    budget_kb: { weights: positive(targetWeightKbytes), activations: positive(targetActivationKbytes) },
    weights_kb: sizes.weights_kb,
    activations_peak_kb: sizes.activations_peak_kb,
    checks,
    npu_mismatches: isNpu ? await npuMismatches(network, images) : null,
    test_logits: testLogits,
  };
  for (const [file, picture] of (await options.draw?.(content)) ?? []) files.set(file, picture);
  const summary: ExportSummary = { ...content, files: [...files.keys(), 'export.json', 'export.md'] };
  files.set('export.json', `${JSON.stringify(summary, null, 2)}\n`);
  files.set('export.md', exportDocument(summary, targetActivationType));
  writeFolder(options.out, files);
  return summary;
}

/** The packed file; throws an `InputError` if what is read back from it is not the trained network. */
function checkedPack(trained: TrainedNetwork): Uint8Array {
  const { lowered, run } = trained;
  const packed = packNetwork(lowered.network, { ...inputMetadata(trained), mpdnn_version: packageVersion() });
  const fault = networkFault(unpackNetwork(packed, 'net.safetensors'), lowered);
  if (!fault) return packed;
  throw new InputError(`${run.folder.root}: the integer network is not the trained one: ${fault}`);
}

/** The sources of a network's forms, and the results that these must have. */
interface FormSources {
  readonly packed: Uint8Array;
  readonly expected: readonly Expected[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Files by name, with the checks that they have passed. */
interface CheckedForms {
  readonly files: Map<string, string | Uint8Array>;
  readonly checks: Readonly<Record<string, CheckResult>>;
  /** The C program; null if C is not among the formats. */
  readonly program: {
    readonly name: string;
    readonly plan: Plan;
    readonly sources: ReadonlyMap<string, string>;
  } | null;
}

/** Makes the files of all formats; throws an `InputError` if one differs from the integer network. */
async function checkedForms(
  { lowered: { network }, run }: TrainedNetwork,
  options: ExportOptions,
  { packed, expected, metadata }: FormSources,
): Promise<CheckedForms> {
  const { formats, profile } = options;
  const images = expected.slice(0, testImages).map(({ image }) => image);
  const files = new Map<string, string | Uint8Array>();
  const checks = await checkRuntime(packed, expected, progressOf(options, 'checking the runtime'));
  if (formats.has('packed')) files.set('net.safetensors', packed);
  if (formats.has('onnx')) {
    const model = onnxModel(network, options, metadata);
    if (profile === 'exact') Object.assign(checks, await checkOnnx(network, model, expected));
    files.set('net.onnx', model);
  }
  if (formats.has('qonnx')) files.set('net.qonnx.onnx', qonnxModel(network, { metadata }));
  const name = prefixOf(run.config.experiment);
  const program = formats.has('c') ? { name, plan: planOf(network), sources: cFiles(network, { name, images }) } : null;
  for (const [file, text] of program?.sources ?? []) files.set(`c/${file}`, text);
  for (const [index, picture] of pictures(network, images).entries()) files.set(`test-images/${index}.png`, picture);
  const wrong = Object.entries(checks).find(([, { activations, logits }]) => activations + logits > 0);
  if (!wrong) return { files, checks, program };
  const [engine, { activations, logits }] = wrong;
  throw new InputError(
    `${engine}: ${activations} activations and ${logits} logits differ from the integer network; nothing is written`,
  );
}

/** A function that reports a task's progress. */
function progressOf({ task }: ExportOptions, name: string): (done: number, total: number) => void {
  return (done, total) => task?.(name, done, total);
}

function total(layers: readonly ExportedLayer[], of: (layer: ExportedLayer) => number): number {
  return layers.reduce((sum, layer) => sum + of(layer), 0);
}

/** Bytes of a C program's object file that are no code. */
function constantsIn(plan: Plan): number {
  return weightBytes(plan.network) + guardBytes + tableBytes(plan);
}

/** Images as PNG, for programs that read pictures; none unless pixels have one channel or three. */
function pictures(network: IntegerNetwork, images: readonly Uint8Array[]): Uint8Array[] {
  const [height, width, channels] = inputOf(network).output.shape as [number, number, number];
  if (channels !== 1 && channels !== 3) return [];
  return images.map((image) => png(image, [height, width, channels]));
}

/**
 * Refuses an existing folder unless it may be replaced and is an export itself, since all that is in it goes.
 *
 * @throws InputError that says why
 */
function checkReplaceable({ out, force }: ExportOptions): void {
  if (!existsSync(out)) return;
  if (!existsSync(join(out, 'export.json'))) {
    throw new InputError(
      `${out}: is there, and no export (it has no export.json), so nothing replaces it; name another with --out`,
    );
  }
  if (!force) throw new InputError(`${out}: is there already; --force replaces it, --out names another folder`);
}

/** Replaces a folder by one with these files, as a whole. */
function writeFolder(out: string, files: ReadonlyMap<string, string | Uint8Array>): void {
  mkdirSync(dirname(out), { recursive: true });
  const aside = `${out}.${process.pid}.tmp`;
  rmSync(aside, { recursive: true, force: true });
  try {
    mkdirSync(aside);
    for (const [file, content] of files) {
      mkdirSync(dirname(join(aside, file)), { recursive: true });
      writeFileSync(join(aside, file), content);
    }
    rmSync(out, { recursive: true, force: true });
    renameSync(aside, out);
  } catch (error) {
    rmSync(aside, { recursive: true, force: true });
    throw error;
  }
}

function onnxModel(
  network: IntegerNetwork,
  options: ExportOptions,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  switch (options.profile) {
    case 'exact':
      return exactModel(network, { packed: options.packed, metadata });
    case 'npu':
      return npuModel(network, { metadata });
    default:
      return options.profile satisfies never;
  }
}

/** The experiment and the meaning of its inputs. */
function inputMetadata({ run }: TrainedNetwork): Record<string, string> {
  const { experiment, data } = run.config;
  return { experiment, ...(data?.features && { features: JSON.stringify(data.features) }) };
}

/** Metadata of the ONNX file: classes, features, widths, and the logits of three images. */
function onnxMetadata(
  trained: TrainedNetwork,
  layers: readonly ExportedLayer[],
  testLogits: readonly (readonly number[])[],
): Record<string, string> {
  const bits = layers.map(({ name, weightBits, activationBits }) => ({ name, weightBits, activationBits }));
  const quantization = inputBytes(trained.lowered.network);
  return {
    ...inputMetadata(trained),
    classes: JSON.stringify(trained.classes),
    ...(quantization && { input_quantization: JSON.stringify(quantization) }),
    mpdnn_version: packageVersion(),
    bits: JSON.stringify(bits),
    test_logits: JSON.stringify(testLogits),
  };
}

function inputBytes(network: IntegerNetwork): InputBytes | null {
  const { quantization, offsets } = inputOf(network);
  return quantization && { ...quantization, zero: offsets[0]! };
}

function positive(target: number): number | null {
  return target > 0 ? target : null;
}
