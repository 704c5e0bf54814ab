// The emulated driver's state: the GPUs and MIG instances that tests/lab/driver.py wrote into the state file, as far as this process may see them.
#ifndef STATE_H
#define STATE_H

#include <stdbool.h>

// A file of the driver that nvidia-ctk mounts into every GPU container (pkg/nvcdi/driver-nvml.go: gsp*.bin).
#define STATE_FILE "/lib/firmware/nvidia/" DRIVER_VERSION "/gsp_lab.bin"

enum { MAX_GPUS = 16, MAX_INSTANCES = 7, MAX_PROCESSES = 16 };

// A process that has a GPU open, by the id that it has on the host.
struct process {
    unsigned int pid;
    unsigned long long memory_mib;
    unsigned int sm; // percent
};

// A GPU, or a MIG instance of one.
struct device {
    struct device *parent; // NULL for a GPU
    int index;             // as this process counts: of the GPU, or of the instance within its GPU
    int minor;             // number of the GPU's device node
    char uuid[48];
    char name[96];
    char pci_bus_id[32];
    char mig_mode[16]; // Enabled, Disabled or [N/A]
    unsigned long long memory_mib;
    int gi, ci;
    char profile[32];
    int slices;
    int instances;
    struct device *instance; // of a GPU: its instances
    int processes;
    struct process process[MAX_PROCESSES];
};

// How nvidia-smi answers.
enum smi { SMI_ANSWERS, SMI_HANGS, SMI_MISMATCH };

struct state {
    enum smi smi;
    int lost; // number of GPUs that fell off the bus
    char lost_bus_id[MAX_GPUS][32];
    int gpus;
    struct device gpu[MAX_GPUS];
    struct device instance[MAX_GPUS][MAX_INSTANCES];
};

// Reads the state; false without a driver. A GPU is visible if its device node exists, an instance if the nodes of its
// two capabilities exist.
bool state_read(struct state *state);

#endif
