#include "state.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool node(const char *format, int number)
{
    char path[64];
    snprintf(path, sizeof path, format, number);
    return access(path, F_OK) == 0;
}

// The driver numbers the capability of an instance by GPU, GPU instance and compute instance: as in load.sh.
static bool capable(int minor, int gi, int ci)
{
    int capability = 3 + minor * 135 + gi * 9;
    return node("/dev/nvidia-caps/nvidia-cap%d", capability) && node("/dev/nvidia-caps/nvidia-cap%d", capability + 1 + ci);
}

static struct device *by_minor(struct state *state, int minor)
{
    for (int i = 0; i < state->gpus; i++)
        if (state->gpu[i].minor == minor)
            return &state->gpu[i];
    return NULL;
}

bool state_read(struct state *state)
{
    FILE *file = fopen(STATE_FILE, "r");
    if (!file)
        return false;
    memset(state, 0, sizeof *state);
    char line[512];
    while (fgets(line, sizeof line, file)) {
        struct device one = {0};
        struct process process;
        int gigabytes;
        if (sscanf(line, "gpu %d %47s %llu %31s %15s %95[^\n]", &one.minor, one.uuid, &one.memory_mib, one.pci_bus_id, one.mig_mode, one.name) == 6) {
            if (state->gpus == MAX_GPUS || !node("/dev/nvidia%d", one.minor))
                continue;
            one.index = state->gpus;
            one.instance = state->instance[state->gpus];
            state->gpu[state->gpus++] = one;
        } else if (sscanf(line, "lost %31s", one.pci_bus_id) == 1 && state->lost < MAX_GPUS) {
            strcpy(state->lost_bus_id[state->lost++], one.pci_bus_id);
        } else if (!strcmp(line, "smi hangs\n")) {
            state->smi = SMI_HANGS;
        } else if (!strcmp(line, "smi mismatch\n")) {
            state->smi = SMI_MISMATCH;
        } else if (sscanf(line, "process %d %u %llu %u", &one.minor, &process.pid, &process.memory_mib, &process.sm) == 4) {
            struct device *gpu = by_minor(state, one.minor);
            if (gpu && gpu->processes < MAX_PROCESSES)
                gpu->process[gpu->processes++] = process;
        } else if (sscanf(line, "instance %d %d %d %31s %47s", &one.minor, &one.gi, &one.ci, one.profile, one.uuid) == 5) {
            struct device *gpu = by_minor(state, one.minor);
            if (!gpu || gpu->instances == MAX_INSTANCES || !capable(one.minor, one.gi, one.ci)
                || sscanf(one.profile, "%dg.%dgb", &one.slices, &gigabytes) != 2)
                continue;
            one.memory_mib = gigabytes * 1024ULL * 95 / 100; // a part of an instance's memory is reserved
            one.parent = gpu;
            one.index = gpu->instances;
            snprintf(one.name, sizeof one.name, "%.60s MIG %.30s", gpu->name, one.profile);
            gpu->instance[gpu->instances++] = one;
        }
    }
    fclose(file);
    return true;
}
