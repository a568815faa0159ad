/* A stand-in for NVIDIA's libnvidia-ml.so.1: as many cards as the environment names, drawing the
 * watts it names. Compiled with -DNO_COUNTER it lacks the energy counter, as old drivers do. */
#include <stdio.h>
#include <stdlib.h>

/* Time is what the test says it is: its counters follow no clock of the machine. */
long long stub_now_ns = 0;

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
    double seconds = stub_now_ns * 1e-9 - set("RESET_AT", handle->index, 0);
    *millijoules = (unsigned long long)(seconds * set("WATTS", handle->index, 100) * 1e3);
    return (int)set("COUNTER_ERROR", handle->index, 0);
}
#endif

/* What `runners.machine.nvidia` asks beside energy. Each answer is set by the environment; an error code of
 * 3 in STUB_REFUSE_n makes card n refuse them all, as a consumer card refuses some. */
#define ANSWER(card, where, what, otherwise) \
    (*(where) = (unsigned)set(what, (card)->index, otherwise), (int)set("REFUSE", (card)->index, 0))

typedef struct { unsigned long long total, free, used; } memory;

int nvmlSystemGetDriverVersion(char *text, unsigned size) { snprintf(text, size, "580.1"); return 0; }
int nvmlDeviceGetName(card *c, char *text, unsigned size) { (void)c; snprintf(text, size, "Stub X1"); return 0; }
int nvmlDeviceGetVbiosVersion(card *c, char *text, unsigned size) { (void)c; snprintf(text, size, "96.00.5E.00.01"); return 0; }
int nvmlDeviceGetMemoryInfo(card *c, memory *m) { (void)c; m->total = 1ull << 34; m->free = m->total; m->used = 0; return 0; }
int nvmlDeviceGetPciInfo_v3(card *c, struct { char legacy[16]; unsigned domain, bus, device, id, subsystem; char bus_id[32]; } *info) { return ANSWER(c, &info->id, "PCI", 0x233010de); }
int nvmlDeviceGetPowerManagementLimit(card *c, unsigned *mw) { return ANSWER(c, mw, "LIMIT_MW", 300000); }
int nvmlDeviceGetPowerManagementDefaultLimit(card *c, unsigned *mw) { return ANSWER(c, mw, "USUAL_MW", 400000); }
int nvmlDeviceGetMaxClockInfo(card *c, int type, unsigned *mhz) { (void)type; return ANSWER(c, mhz, "MHZ_MAX", 1980); }
int nvmlDeviceGetClockInfo(card *c, int type, unsigned *mhz) { return ANSWER(c, mhz, type == 1 ? "MHZ" : "MEMORY_MHZ", 345); }
int nvmlDeviceGetTemperature(card *c, int sensor, unsigned *celsius) { (void)sensor; return ANSWER(c, celsius, "CELSIUS", 41); }
int nvmlDeviceGetEccMode(card *c, unsigned *now, unsigned *next) { *next = 1; return ANSWER(c, now, "ECC", 1); }
int nvmlDeviceGetMigMode(card *c, unsigned *now, unsigned *next) { *next = 0; return ANSWER(c, now, "MIG", 0); }
int nvmlDeviceGetPersistenceMode(card *c, unsigned *mode) { return ANSWER(c, mode, "PERSISTENCE", 1); }
int nvmlDeviceGetCurrPcieLinkGeneration(card *c, unsigned *g) { return ANSWER(c, g, "GENERATION", 5); }
int nvmlDeviceGetCurrPcieLinkWidth(card *c, unsigned *w) { return ANSWER(c, w, "WIDTH", 16); }
int nvmlDeviceGetMaxPcieLinkGeneration(card *c, unsigned *g) { return ANSWER(c, g, "GENERATION_MAX", 5); }
int nvmlDeviceGetMaxPcieLinkWidth(card *c, unsigned *w) { return ANSWER(c, w, "WIDTH_MAX", 16); }
int nvmlDeviceGetNvLinkState(card *c, unsigned link, int *up) {
    *up = link < (unsigned)set("NVLINKS", c->index, 0);
    return link < 18 ? 0 : 2; /* NVML_ERROR_INVALID_ARGUMENT: the card has eighteen */
}
int nvmlDeviceGetP2PStatus(card *one, card *other, int what, int *status) {
    (void)other; (void)what;
    *status = (int)set("P2P", one->index, 1); /* NVML_P2P_STATUS_OK is 0 */
    return 0;
}
int nvmlDeviceGetTopologyCommonAncestor(card *one, card *other, int *level) {
    (void)other;
    *level = (int)set("LEVEL", one->index, 50); /* NVML_TOPOLOGY_SYSTEM */
    return 0;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(card *c, unsigned long long *reasons) {
    *reasons = (unsigned long long)set("REASONS", c->index, 0);
    return 0;
}
