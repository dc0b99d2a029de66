/* A plugin of qemu that counts executed instructions and writes their number to standard error at the end.
 * qemu 7.2 reads plugins of version 1; Debian packages no header of theirs, so what is used is declared here. */

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef uint64_t plugin_id;
struct block;

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*translated)(plugin_id, struct block *));
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct block *block, int operation, void *counter, uint64_t added);
extern size_t qemu_plugin_tb_n_insns(const struct block *block);
extern void qemu_plugin_register_atexit_cb(plugin_id id, void (*ended)(plugin_id, void *), void *data);

enum { ADD_U64 = 0 };

int qemu_plugin_version = 1;

static uint64_t instructions;

static void translated(plugin_id id, struct block *block)
{
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_inline(block, ADD_U64, &instructions, qemu_plugin_tb_n_insns(block));
}

static void ended(plugin_id id, void *data)
{
  (void)id;
  (void)data;
  fprintf(stderr, "%" PRIu64 " instructions\n", instructions);
}

int qemu_plugin_install(plugin_id id, const void *info, int count, char **arguments)
{
  (void)info;
  (void)count;
  (void)arguments;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, ended, NULL);
  return 0;
}
