// A stand-in for libnvidia-ml.so.1 with the functions by which NVIDIA's container toolkit describes GPUs and MIG instances, and those that tell processes.
#include "nvml.h"
#include "state.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static struct state state;
static int users;

// The device that has them distinguishes GPU instances from compute instances.
static struct device *of(nvmlDevice_t device) { return (struct device *)device.handle; }
static nvmlDevice_t handle(struct device *device) { return (nvmlDevice_t){(void *)device}; }

static nvmlReturn_t text(const char *value, char *out, unsigned int length)
{
    if (strlen(value) >= length)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    strcpy(out, value);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlInit_v2(void)
{
    if (users == 0 && !state_read(&state))
        return NVML_ERROR_DRIVER_NOT_LOADED;
    users++;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlInitWithFlags(unsigned int flags)
{
    (void)flags;
    return nvmlInit_v2();
}

nvmlReturn_t nvmlShutdown(void)
{
    if (users == 0)
        return NVML_ERROR_UNINITIALIZED;
    users--;
    return NVML_SUCCESS;
}

const char *nvmlErrorString(nvmlReturn_t result)
{
    switch (result) {
    case NVML_SUCCESS: return "Success";
    case NVML_ERROR_UNINITIALIZED: return "Uninitialized";
    case NVML_ERROR_INVALID_ARGUMENT: return "Invalid Argument";
    case NVML_ERROR_NOT_SUPPORTED: return "Not Supported";
    case NVML_ERROR_NOT_FOUND: return "Not Found";
    case NVML_ERROR_INSUFFICIENT_SIZE: return "Insufficient Size";
    case NVML_ERROR_DRIVER_NOT_LOADED: return "Driver Not Loaded";
    default: return "Unknown Error";
    }
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned int length) { return text(DRIVER_VERSION, version, length); }

nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version)
{
    *version = 13000;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version) { return nvmlSystemGetCudaDriverVersion(version); }

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count)
{
    // A change reaches running programs. Handles stay as they are.
    state_read(&state);
    *count = state.gpus;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device)
{
    if (index >= (unsigned int)state.gpus)
        return NVML_ERROR_INVALID_ARGUMENT;
    *device = handle(&state.gpu[index]);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device)
{
    for (int i = 0; i < state.gpus; i++) {
        struct device *gpu = &state.gpu[i];
        if (!strcmp(uuid, gpu->uuid)) {
            *device = handle(gpu);
            return NVML_SUCCESS;
        }
        for (int j = 0; j < gpu->instances; j++)
            if (!strcmp(uuid, gpu->instance[j].uuid)) {
                *device = handle(&gpu->instance[j]);
                return NVML_SUCCESS;
            }
    }
    return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int length) { return text(of(device)->uuid, uuid, length); }

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int length) { return text(of(device)->name, name, length); }

nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned int *index)
{
    *index = of(device)->index;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned int *minor)
{
    if (of(device)->parent)
        return NVML_ERROR_NOT_SUPPORTED;
    *minor = of(device)->minor;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
{
    memory->total = memory->free = of(device)->memory_mib << 20;
    memory->used = 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci)
{
    struct device *gpu = of(device);
    if (gpu->parent)
        return NVML_ERROR_NOT_SUPPORTED;
    memset(pci, 0, sizeof *pci);
    if (sscanf(gpu->pci_bus_id, "%x:%x:%x", &pci->domain, &pci->bus, &pci->device) != 3)
        return NVML_ERROR_UNKNOWN;
    snprintf(pci->busIdLegacy, sizeof pci->busIdLegacy, NVML_DEVICE_PCI_BUS_ID_LEGACY_FMT, pci->domain & 0xffff, pci->bus & 0xff, pci->device & 0xff);
    return text(gpu->pci_bus_id, pci->busId, sizeof pci->busId);
}

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned int *current, unsigned int *pending)
{
    struct device *gpu = of(device);
    if (gpu->parent || gpu->mig_mode[0] == '[')
        return NVML_ERROR_NOT_SUPPORTED;
    *current = *pending = !strcmp(gpu->mig_mode, "Enabled") ? NVML_DEVICE_MIG_ENABLE : NVML_DEVICE_MIG_DISABLE;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned int *count)
{
    (void)device;
    *count = MAX_INSTANCES;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned int index, nvmlDevice_t *instance)
{
    if (index >= (unsigned int)of(device)->instances)
        return NVML_ERROR_NOT_FOUND;
    *instance = handle(&of(device)->instance[index]);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned int *is)
{
    *is = of(device)->parent != NULL;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t instance, nvmlDevice_t *device)
{
    if (!of(instance)->parent)
        return NVML_ERROR_INVALID_ARGUMENT;
    *device = handle(of(instance)->parent);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t instance, unsigned int *id)
{
    if (!of(instance)->parent)
        return NVML_ERROR_NOT_SUPPORTED;
    *id = of(instance)->gi;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t instance, unsigned int *id)
{
    if (!of(instance)->parent)
        return NVML_ERROR_NOT_SUPPORTED;
    *id = of(instance)->ci;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t instance, nvmlDeviceAttributes_t *attributes)
{
    if (!of(instance)->parent)
        return NVML_ERROR_NOT_SUPPORTED;
    memset(attributes, 0, sizeof *attributes);
    attributes->gpuInstanceSliceCount = attributes->computeInstanceSliceCount = of(instance)->slices;
    attributes->memorySizeMB = of(instance)->memory_mib;
    return NVML_SUCCESS;
}

// Slices of a profile of a GPU instance or a compute instance, whose enumerations agree so far; 0 for those that are left out.
static int slices(unsigned int profile)
{
    static const int known[] = {1, 2, 3, 4, 7};
    return profile < sizeof known / sizeof *known ? known[profile] : 0;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfo(nvmlDevice_t device, unsigned int profile, nvmlGpuInstanceProfileInfo_t *info)
{
    (void)device;
    if (!slices(profile))
        return NVML_ERROR_NOT_SUPPORTED;
    memset(info, 0, sizeof *info);
    info->id = info->sliceCount = slices(profile);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceById(nvmlDevice_t device, unsigned int id, nvmlGpuInstance_t *instance)
{
    struct device *gpu = of(device);
    for (int i = 0; i < gpu->instances; i++)
        if (gpu->instance[i].gi == (int)id) {
            *instance = (nvmlGpuInstance_t){(void *)&gpu->instance[i]};
            return NVML_SUCCESS;
        }
    return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlGpuInstanceGetInfo(nvmlGpuInstance_t instance, nvmlGpuInstanceInfo_t *info)
{
    struct device *device = (struct device *)instance.handle;
    *info = (nvmlGpuInstanceInfo_t){.device = handle(device->parent), .id = device->gi, .profileId = device->slices};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstanceProfileInfo(nvmlGpuInstance_t instance, unsigned int profile, unsigned int engine,
                                                          nvmlComputeInstanceProfileInfo_t *info)
{
    (void)instance;
    if (!slices(profile) || engine != NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED)
        return NVML_ERROR_NOT_SUPPORTED;
    memset(info, 0, sizeof *info);
    info->id = info->sliceCount = slices(profile);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstanceById(nvmlGpuInstance_t instance, unsigned int id, nvmlComputeInstance_t *compute)
{
    struct device *first = (struct device *)instance.handle, *gpu = first->parent;
    for (int i = 0; i < gpu->instances; i++)
        if (gpu->instance[i].gi == first->gi && gpu->instance[i].ci == (int)id) {
            *compute = (nvmlComputeInstance_t){(void *)&gpu->instance[i]};
            return NVML_SUCCESS;
        }
    return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlComputeInstanceGetInfo_v2(nvmlComputeInstance_t compute, nvmlComputeInstanceInfo_t *info)
{
    struct device *device = (struct device *)compute.handle;
    *info = (nvmlComputeInstanceInfo_t){
        .device = handle(device->parent), .gpuInstance = {(void *)device}, .id = device->ci, .profileId = device->slices};
    return NVML_SUCCESS;
}

// As the real library, this one tells the processes of an instance to privileged containers alone.
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *infos)
{
    struct device *gpu = of(device);
    unsigned int room = *count;
    if (gpu->parent)
        return NVML_ERROR_NO_PERMISSION;
    *count = gpu->processes;
    if (room < *count)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    for (int i = 0; i < gpu->processes; i++)
        infos[i] = (nvmlProcessInfo_t){.pid = gpu->process[i].pid, .usedGpuMemory = gpu->process[i].memory_mib << 20};
    return NVML_SUCCESS;
}

static nvmlReturn_t nothing(unsigned int *count)
{
    *count = 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *infos)
{
    (void)infos;
    return of(device)->parent ? NVML_ERROR_NO_PERMISSION : nothing(count);
}

nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *infos)
{
    return nvmlDeviceGetGraphicsRunningProcesses_v3(device, count, infos);
}

// Processes that worked have a sample of now.
nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, nvmlProcessUtilizationSample_t *samples, unsigned int *count,
                                             unsigned long long since)
{
    struct device *gpu = of(device);
    unsigned int room = *count, working = 0;
    struct timespec now;
    (void)since;
    if (gpu->parent || !strcmp(gpu->mig_mode, "Enabled"))
        return NVML_ERROR_NOT_SUPPORTED;
    clock_gettime(CLOCK_REALTIME, &now);
    for (int i = 0; i < gpu->processes; i++)
        if (gpu->process[i].sm) {
            if (working < room)
                samples[working] = (nvmlProcessUtilizationSample_t){
                    .pid = gpu->process[i].pid, .timeStamp = now.tv_sec * 1000000ULL + now.tv_nsec / 1000, .smUtil = gpu->process[i].sm};
            working++;
        }
    *count = working;
    return !working ? NVML_ERROR_NOT_FOUND : room < working ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}
