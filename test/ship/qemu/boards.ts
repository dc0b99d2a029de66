/** Boards that qemu emulates, each with a processor that the C network is for, and how programs for them are built. */

export interface Board {
  readonly compiler: string;
  readonly target: readonly string[];
  readonly emulator: readonly string[];
  /** Where its memory lies, for picolibc's linker script. */
  readonly memory: {
    readonly flash: number;
    readonly flashBytes: number;
    readonly ram: number;
    readonly ramBytes: number;
  };
  /** Executed for each multiplication of ResNet-20 with weights of 2 and activations of 4 bits; null if not run there. */
  readonly instructions: number | null;
}

const mebibyte = 2 ** 20;
const arm = { flash: 0, flashBytes: 4 * mebibyte, ram: 0x20000000, ramBytes: 2 ** 18 };

export const boards: Readonly<Record<string, Board>> = {
  'Cortex-M0+': {
    compiler: 'arm-none-eabi-gcc',
    target: ['-mcpu=cortex-m0plus', '-mthumb'],
    emulator: ['qemu-system-arm', '-M', 'microbit'],
    memory: { ...arm, flashBytes: 2 ** 18, ramBytes: 2 ** 14 },
    instructions: null,
  },
  'Cortex-M3': {
    compiler: 'arm-none-eabi-gcc',
    target: ['-mcpu=cortex-m3', '-mthumb'],
    emulator: ['qemu-system-arm', '-M', 'mps2-an385'],
    memory: arm,
    instructions: 3.13,
  },
  'Cortex-M4': {
    compiler: 'arm-none-eabi-gcc',
    target: ['-mcpu=cortex-m4', '-mthumb'],
    emulator: ['qemu-system-arm', '-M', 'mps2-an386'],
    memory: arm,
    instructions: 1.44,
  },
  'Cortex-M55': {
    compiler: 'arm-none-eabi-gcc',
    target: ['-mcpu=cortex-m55', '-mthumb', '-mfloat-abi=hard'],
    emulator: ['qemu-system-arm', '-M', 'mps3-an547'],
    memory: arm,
    instructions: 0.64,
  },
  RV32: {
    compiler: 'riscv64-unknown-elf-gcc',
    target: ['-march=rv32imac', '-mabi=ilp32'],
    emulator: ['qemu-system-riscv32', '-M', 'virt', '-bios', 'none'],
    memory: { flash: 0x80000000, flashBytes: 4 * mebibyte, ram: 0x80400000, ramBytes: 2 ** 20 },
    instructions: 4.01,
  },
};
