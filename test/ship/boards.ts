/** Boards that qemu emulates, each with a processor that the exported C is for: how programs for them are built and run. */

import { run, runQuietly } from './cProgram.js';

export interface Board {
  readonly compiler: string;
  readonly target: readonly string[];
  readonly emulator: readonly [program: string, ...machine: string[]];
  /** Start and size of flash and RAM, for picolibc's linker script. */
  readonly memory: {
    readonly flash: number;
    readonly flashBytes: number;
    readonly ram: number;
    readonly ramBytes: number;
  };
}

const mebibyte = 2 ** 20;
const arm = { flash: 0, flashBytes: 4 * mebibyte, ram: 0x20000000, ramBytes: 4 * mebibyte };

export const boards: Readonly<Record<'Cortex-M0+' | 'Cortex-M3' | 'Cortex-M4' | 'Cortex-M55' | 'RV32', Board>> = {
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

/** Compiles `net.c` of a folder to `net.o`. */
export function compile(folder: string, { compiler, target }: Board, flags: readonly string[] = []): void {
  run(folder, compiler, '-std=c99', '-O2', ...flags, ...target, library, '-c', '-o', 'net.o', 'net.c');
}

/** Links sources and objects to `program.elf`, which reads and writes files of the folder in which the emulator runs. */
export function link(
  folder: string,
  { compiler, target, memory }: Board,
  sources: readonly string[],
  flags: readonly string[] = [],
): void {
  const { flash, flashBytes, ram, ramBytes } = memory;
  const symbols = Object.entries({ __flash: flash, __flash_size: flashBytes, __ram: ram, __ram_size: ramBytes });
  const layout = symbols.map(([name, value]) => `-Wl,--defsym=${name}=0x${value.toString(16)}`);
  const hosted = [library, '--oslib=semihost', '--crt0=hosted', ...layout];
  run(folder, compiler, '-std=c99', '-O2', ...flags, ...target, ...hosted, '-o', 'program.elf', ...sources);
}

/** Runs `program.elf`, with a plugin of qemu or without; its status, and what it and the plugin printed. */
export function emulate(folder: string, { emulator }: Board, plugin?: string): { status: number | null; said: string } {
  const options = ['-display', 'none', '-monitor', 'none', '-serial', 'none', ...(plugin ? ['-plugin', plugin] : [])];
  const semihosting = ['-semihosting-config', 'enable=on,target=native'];
  const [program, ...machine] = emulator;
  const ran = runQuietly(folder, program, ...machine, ...options, ...semihosting, '-kernel', 'program.elf');
  return { status: ran.status, said: ran.stdout + ran.stderr };
}
