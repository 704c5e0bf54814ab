// A stand-in for nvidia-smi: answers -L and --query-gpu=FIELDS --format=csv,noheader,nounits as the real one does. Linked statically, so that it runs in every image.
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct state state;

static int list(void)
{
    for (int i = 0; i < state.gpus; i++) {
        struct device *gpu = &state.gpu[i];
        printf("GPU %d: %s (UUID: %s)\n", gpu->index, gpu->name, gpu->uuid);
        for (int j = 0; j < gpu->instances; j++)
            printf("  MIG %-11s Device %2d: (UUID: %s)\n", gpu->instance[j].profile, gpu->instance[j].index, gpu->instance[j].uuid);
    }
    return 0;
}

static bool print_field(const struct device *gpu, const char *field)
{
    if (!strcmp(field, "index"))
        printf("%d", gpu->index);
    else if (!strcmp(field, "uuid"))
        printf("%s", gpu->uuid);
    else if (!strcmp(field, "name"))
        printf("%s", gpu->name);
    else if (!strcmp(field, "driver_version"))
        printf("%s", DRIVER_VERSION);
    else if (!strcmp(field, "memory.total"))
        gpu->memory_mib ? printf("%llu", gpu->memory_mib) : printf("[N/A]");
    else if (!strcmp(field, "pci.bus_id"))
        printf("%s", gpu->pci_bus_id);
    else if (!strcmp(field, "mig.mode.current"))
        printf("%s", gpu->mig_mode);
    else
        return false;
    return true;
}

static int query(const char *fields)
{
    for (int i = 0; i < state.gpus; i++) {
        char *copy = strdup(fields), *rest = copy, *field;
        for (int first = 1; (field = strsep(&rest, ",")); first = 0) {
            if (!first)
                printf(", ");
            if (!print_field(&state.gpu[i], field)) {
                printf("Field \"%s\" is not a valid field to query.\n\n", field);
                return 2;
            }
        }
        putchar('\n');
        free(copy);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *fields = NULL;
    bool csv = false, all = argc == 2 && !strcmp(argv[1], "-L");
    for (int i = 1; i < argc && !all; i++) {
        if (!strncmp(argv[i], "--query-gpu=", 12))
            fields = argv[i] + 12;
        else if (!strcmp(argv[i], "--format=csv,noheader,nounits"))
            csv = true;
        else
            fields = NULL, csv = false, i = argc;
    }
    if (!all && !(fields && csv)) {
        fputs("This stand-in for nvidia-smi knows -L, and --query-gpu=FIELDS with --format=csv,noheader,nounits.\n", stderr);
        return 2;
    }
    if (!state_read(&state)) {
        puts("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. "
             "Make sure that the latest NVIDIA driver is installed and running.\n");
        return 9;
    }
    if (state.gpus == 0 && state.smi == SMI_ANSWERS) {
        puts("No devices were found");
        return 6;
    }
    if (state.smi == SMI_HANGS)
        for (;;)
            pause();
    if (state.smi == SMI_MISMATCH) {
        puts("Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 580.126");
        return 18;
    }
    int code = all ? list() : query(fields);
    for (int i = 0; i < state.lost; i++)
        printf("Unable to determine the device handle for GPU%d: %s: Unknown Error\n", state.gpus + i, state.lost_bus_id[i] + 4);
    return state.lost ? 255 : code;
}
