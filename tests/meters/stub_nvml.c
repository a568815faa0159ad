/* A stand-in for NVIDIA's libnvidia-ml.so.1: as many cards as the environment names, drawing the
 * watts it names. Compiled with -DNO_COUNTER it lacks the energy counter, as old drivers do. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct { int index; } card;
static card cards[16];

static double set(const char *what, int card_index, double otherwise) {
    char name[64];
    snprintf(name, sizeof name, "STUB_%s_%d", what, card_index);
    const char *value = getenv(name);
    return value ? atof(value) : otherwise;
}

int nvmlInitWithFlags(unsigned flags) { (void)flags; return (int)set("INIT_ERROR", 0, 0); }
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int error) { (void)error; return "stub error"; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = (unsigned)set("COUNT", 0, 1); return 0; }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, card **handle) {
    cards[index].index = (int)index;
    *handle = &cards[index];
    return (int)set("HANDLE_ERROR", (int)index, 0);
}

int nvmlDeviceGetPowerUsage(card *handle, unsigned *milliwatts) {
    *milliwatts = (unsigned)(set("WATTS", handle->index, 100) * 1e3);
    return (int)set("POWER_ERROR", handle->index, 0);
}

#ifndef NO_COUNTER
int nvmlDeviceGetTotalEnergyConsumption(card *handle, unsigned long long *millijoules) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds = now.tv_sec + now.tv_nsec * 1e-9 - set("RESET_AT", handle->index, 0);
    *millijoules = (unsigned long long)(seconds * set("WATTS", handle->index, 100) * 1e3);
    return (int)set("COUNTER_ERROR", handle->index, 0);
}
#endif
