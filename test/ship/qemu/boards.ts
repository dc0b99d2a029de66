/** Boards that qemu emulates, each with a processor that the C network is for, and how programs for them are built. */

export const counted = ['fixed 2 and 4 bits', 'learned step and range, pixels p/256'] as const;
export type Counted = (typeof counted)[number];

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
  /** Executed for each multiplication of ResNet-20, by shippable network; those that are not run there are missing. */
  readonly instructions: Readonly<Partial<Record<Counted, number>>>;
}

const mebibyte = 2 ** 20;
const arm = { flash: 0, flashBytes: 4 * mebibyte, ram: 0x20000000, ramBytes: 2 ** 18 };

export const boards: Readonly<Record<string, Board>> = {
  'Cortex-M0+': {
    compiler: 'arm-none-eabi-gcc',
    target: ['-mcpu=cortex-m0plus', '-mthumb'],
    emulator: ['qemu-system-arm', '-M', 'microbit'],
    memory: { ...arm, flashBytes: 2 ** 18, ramBytes: 2 ** 14 },
    instructions: {},
  },
  'Cortex-M3': {
    compiler: 'arm-none-eabi-gcc',
    target: ['-mcpu=cortex-m3', '-mthumb'],
    emulator: ['qemu-system-arm', '-M', 'mps2-an385'],
    memory: arm,
    instructions: { 'fixed 2 and 4 bits': 3.27 },
  },
  'Cortex-M4': {
    compiler: 'arm-none-eabi-gcc',
    target: ['-mcpu=cortex-m4', '-mthumb'],
    emulator: ['qemu-system-arm', '-M', 'mps2-an386'],
    memory: arm,
    instructions: { 'fixed 2 and 4 bits': 1.47, 'learned step and range, pixels p/256': 1.5 },
  },
  'Cortex-M55': {
    compiler: 'arm-none-eabi-gcc',
    target: ['-mcpu=cortex-m55', '-mthumb', '-mfloat-abi=hard'],
    emulator: ['qemu-system-arm', '-M', 'mps3-an547'],
    memory: arm,
    instructions: { 'fixed 2 and 4 bits': 0.58, 'learned step and range, pixels p/256': 0.7 },
  },
  RV32: {
    compiler: 'riscv64-unknown-elf-gcc',
    target: ['-march=rv32imac', '-mabi=ilp32'],
    emulator: ['qemu-system-riscv32', '-M', 'virt', '-bios', 'none'],
    memory: { flash: 0x80000000, flashBytes: 4 * mebibyte, ram: 0x80400000, ramBytes: 2 ** 20 },
    instructions: { 'fixed 2 and 4 bits': 4.19 },
  },
};
