/** The files besides the network: a test with images and their logits, and a Makefile. */

import { runIntegers } from '../interpreter.js';
import { listOf } from './literals.js';
import { logitBytes } from './networkSource.js';
import type { Plan } from './plan.js';

/** The text of `test.h`: images, and their logits by the integer network. */
export function testData({ network }: Plan, name: string, images: readonly Uint8Array[]): string {
  const logits = images.flatMap((image) => [...runIntegers(network, image)]);
  const values = logitBytes(network) === 8 ? logits.map(BigInt) : logits;
  return `\
#define TEST_IMAGES ${images.length}
static const uint8_t test_images[TEST_IMAGES * ${name.toUpperCase()}_INPUTS] = ${listOf(images.flatMap((image) => [...image]))};
static const ${name}_logit test_logits[TEST_IMAGES * ${name.toUpperCase()}_OUTPUTS] = ${listOf(values)};
`;
}

/** The text of `test.c`. */
export function testProgram(name: string): string {
  const macro = name.toUpperCase();
  return `\
/* Runs the images of test.h and prints their first logits; returns 0 if every logit is what the exporter expects. */

#include <inttypes.h>
#include <stdio.h>

#include "${name}.h"
#include "test.h"

int main(void)
{
  static const char *const names[] = ${macro}_CLASS_NAMES;
  static ${name}_logit logits[${macro}_OUTPUTS];
  int wrong = 0;
  for (int n = 0; n < TEST_IMAGES; n++) {
    ${name}_run(test_images + n * ${macro}_INPUTS, logits);
    printf("image %d: %s;", n, names[${name}_class_of(logits)]);
    for (int i = 0; i < ${macro}_OUTPUTS; i++) {
      const ${name}_logit expected = test_logits[n * ${macro}_OUTPUTS + i];
      if (i < ${macro}_CLASSES) printf(" %" PRId64, (int64_t)logits[i]);
      else if (logits[i] != expected) printf(" logit %d: %" PRId64, i, (int64_t)logits[i]);
      if (logits[i] == expected) continue;
      printf(" (not %" PRId64 ")", (int64_t)expected);
      wrong++;
    }
    printf("\\n");
  }
  printf("%d images, %d logits differ\\n", TEST_IMAGES, wrong);
  return wrong != 0;
}
`;
}

/** The text of `Makefile`. */
export function makefile(name: string): string {
  return `\
# make test: runs the test images on this machine.
# make emulated: runs them on a Cortex-M4, emulated by qemu; Debian has gcc-arm-none-eabi, picolibc-arm-none-eabi and
#   qemu-system-arm.
# make ${name}.o CC=arm-none-eabi-gcc TARGET='-mcpu=cortex-m4 -mthumb --specs=picolibc.specs': the
#   object for a board.

CFLAGS = -std=c99 -O2 -Wall -Wextra -Wconversion -pedantic -Werror
TARGET =

${name}.o: ${name}.c ${name}.h
	$(CC) $(CFLAGS) $(TARGET) -c -o $@ ${name}.c

${name}_test: test.c test.h ${name}.c ${name}.h
	$(CC) $(CFLAGS) $(TARGET) -o $@ test.c ${name}.c

# The board has 4 MB for programs at 0 and 4 MB of memory at 0x20000000.
BOARD = -mcpu=cortex-m4 -mthumb --specs=picolibc.specs --oslib=semihost --crt0=hosted \\
  -Wl,--defsym=__flash=0,--defsym=__flash_size=0x400000,--defsym=__ram=0x20000000,--defsym=__ram_size=0x400000

${name}_test.elf: test.c test.h ${name}.c ${name}.h
	arm-none-eabi-gcc $(CFLAGS) $(BOARD) -o $@ test.c ${name}.c

.PHONY: test emulated clean

test: ${name}_test
	./${name}_test

emulated: ${name}_test.elf
	qemu-system-arm -M mps2-an386 -display none -monitor none -serial none \\
	  -semihosting-config enable=on,target=native -kernel ${name}_test.elf 2>&1

clean:
	rm -f ${name}.o ${name}_test ${name}_test.elf
`;
}
