// @ts-check
// Is the chip claimed the chip seen, and was the run what its profile says, when it says? The laws
// of results/checks/machine.py.

import { Real } from "./json.js";
import { flagsOfRun, whole } from "./laws-claim.js";
import { atMost, held, quoted, said, start } from "./laws-held.js";
import { identify, named } from "./laws-chips.js";
import { moment } from "./lifetime.js";

/** @import { Claim, Figure, Point } from "./laws-claim.js" */

/** Catalogue entry, count and memory are what driver, CPUID and kernel showed.
 * @param {Claim} claim */
export function* chipsAreThoseSeen(claim) {
  const { machine } = claim.predicate;
  const { chip } = machine;
  const { UNSEEN, MEMORY } = claim.by.machine;
  if (chip.kind !== UNSEEN) {
    const entry = seen(claim, machine);
    const named = `${quoted(start(chip.name, 60))} is ${entry ?? "not listed"}`;
    const odd = `${said(chip.catalog_id)} is claimed, ${named}`;
    const fits = entry === chip.catalog_id || (chip.catalog_id === null && unlistedThen(claim, entry));
    yield held("machine.chip.catalog_id", fits ? null : odd);
    if (claim.chip) {
      const { id, kind } = claim.chip;
      const told = `${chip.kind} is stated, ${id} is a ${kind}`;
      yield held("machine.chip.kind", kindsAgree(chip.kind, kind) ? null : told);
    }
  }
  yield* onTheBus(claim);
  if (chip.kind === "gpu")
    yield held("machine.driver", machine.driver === null ? "names a GPU, and no driver" : null);
  const shown = mostChips(claim, machine);
  const count = "machine.chip.count";
  if (shown) yield atMost(count, chip.count, shown.most, `{left} are claimed, ${shown.told}`);
  const used = chipsUsed(claim);
  yield atMost(count, used.chips, chip.count, `${used.by} takes {left}, {right} are claimed`);
  if (chip.kind !== "cpu") yield* laidOut(claim, chip);
  yield* saidByFile(claim, chip);
  if (!claim.chip?.memory_gb || !chip.memory_bytes || claim.chip.chips !== 1) return;
  const [low, high] = MEMORY.map((/** @type {number} */ factor) => claim.chip.memory_gb * 1e9 * factor);
  const [where, bytes] = ["machine.chip.memory_bytes", chip.memory_bytes];
  yield atMost(where, bytes, high, "{left} bytes, the datasheet allows {right}");
  yield atMost(where, low, bytes, "{right} bytes, the datasheet has {left}");
}

/** A CPU is none of the others, a GPU is called one; a runner calls other accelerators so too.
 * @param {string} stated @param {string} listed */
const kindsAgree = (stated, listed) =>
  stated === listed || (stated !== "cpu" && listed !== "cpu" && listed !== "gpu");

/** A harness' file may say itself what it ran on: by name, and how many of them.
 * @param {Claim} claim @param {any} chip */
function* saidByFile(claim, chip) {
  const claimed = quoted(start(chip.catalog_id ?? chip.name, 60));
  for (const name of claim.saidByFile("chip")) {
    const entry = named(name, claim.tables);
    const same = entry ? entry === chip.catalog_id : name === chip.name;
    const reason = `the file names ${quoted(start(name, 60))}, the result ${claimed}`;
    yield held("machine.chip", same ? null : reason);
  }
  if (chip.kind === "cpu") return;
  for (const count of claim.saidByFile("count")) {
    const reason = `the file says ${count} chips, the result ${chip.count}`;
    yield held("machine.chip.count", count === String(chip.count) ? null : reason);
  }
}

/** A device of the bus that is known is the chip claimed; one that is not has its maker.
 * @param {Claim} claim */
function* onTheBus({ chip, tables, predicate: { machine } }) {
  if (!chip?.pci.length) return;
  const entries = Object.values(tables.chips);
  for (const pci of machine.chip.pci ?? []) {
    const owners = entries.filter((entry) => entry.pci.includes(pci)).map(({ id }) => id);
    const maker = entries.find((entry) =>
      entry.pci.some((/** @type {string} */ other) => start(other, 4) === start(pci, 4)),
    )?.vendor;
    let reason = null;
    if (owners.length && !owners.includes(chip.id))
      reason = `${chip.id} is claimed, ${pci} is ${owners[0]}`;
    else if (maker !== chip.vendor)
      reason = `${chip.id} is by ${chip.vendor}, ${pci} by ${maker ?? "another maker"}`;
    yield held("machine.chip.pci", reason);
  }
}

/** Each point is as long, and rests on as many samples, as the profile promises.
 * @param {Claim} claim */
export function* profilesKeepTheirWord(claim) {
  const { profile, options } = claim.predicate.run;
  const { OWN_LENGTH, ONE_PROCESS, UNSEEN, PROCESSES, ROUNDS } = claim.by.machine;
  const ownLength = Object.keys(options ?? {}).some((name) => OWN_LENGTH.includes(name));
  const chosen = Object.keys(options ?? {}).some((name) => ONE_PROCESS.includes(name));
  const alone = chosen || claim.predicate.machine.chip.kind === UNSEEN;
  for (const point of claim.points) {
    if (!alone) yield* enginesOf(claim, point, profile);
    const time = point.get("time");
    const rounds = point.get("tpot", 50) ?? point.get("ttft", 50);
    if (point.suite === "serving") yield* servedAsLong(claim, point, profile, ownLength);
    if (point.suite === "inference" && rounds) {
      const need = ROUNDS[profile] * (point.load.batch ?? 1);
      const reason = `{right} samples, the ${profile} profile takes {left}`;
      yield atMost(rounds.where, need, rounds.n, reason);
    }
    if (point.suite === "kernels" && time) {
      const reason = `{right} processes, the ${profile} profile runs {left}`;
      yield atMost(time.where, PROCESSES[profile], time.n, reason);
    }
  }
}

/** @param {Claim} claim @param {Point} point @param {string} profile */
function* enginesOf(claim, point, profile) {
  const item = point.get("e2e", 50) ?? point.get("tpot", 50) ?? point.get("ttft", 50);
  const need = claim.by.machine.ENGINES[point.suite]?.[profile];
  if (!item || !need || item.case.startsWith(claim.by.machine.STEPWISE)) return;
  const reason = `{right} processes, the ${profile} profile starts {left} engines`;
  yield atMost(item.where, need, claim.number(item.labels.processes) || need, reason);
}

/** @param {Claim} claim @param {Point} point @param {string} profile @param {boolean} ownLength */
function* servedAsLong(claim, point, profile, ownLength) {
  const { FAILURES, SECONDS, CUT, LONGER } = claim.by.machine;
  const [latency, rate] = [point.get("e2e", 50), point.get("request_throughput")];
  const failed = point.stated("failed");
  if (failed && point.valid) {
    const reason = "{left} requests failed, a valid point allows {right}";
    yield atMost(failed.where, failed.value, failed.n * FAILURES, reason);
  }
  if (!latency || ownLength) return;
  const processes = claim.number(latency.labels.processes) || 1;
  if (profile === "quick") yield* quick(claim, point, latency, processes);
  else if (rate && point.valid) {
    const whole = SECONDS[profile] * processes;
    const need = whole * CUT;
    const reason = `{right} s were measured, the ${profile} profile takes {left} s`;
    yield atMost(latency.where, need, latency.n / rate.least, reason);
    const longest = whole * LONGER + (2 * processes * latency.most) / 1e3;
    const more = `{left} s were measured, the ${profile} profile takes {right} s`;
    yield atMost(latency.where, latency.n / rate.most, longest, more);
  }
}

/** A quick point ends after a number of requests that its load gives.
 * @param {Claim} claim @param {Point} point @param {Figure} latency @param {number} processes */
function* quick(claim, { load, valid, replayed }, latency, processes) {
  const { QUICK_OPEN, QUICK_CLOSED, QUICK_EACH, FAILURES } = claim.by.machine;
  const closed = load.concurrency ? Math.max(QUICK_CLOSED, QUICK_EACH * load.concurrency) : null;
  const requests = load.rate === undefined ? closed : QUICK_OPEN;
  if (requests === null || replayed) return;
  const asked = requests * processes;
  yield atMost(latency.where, latency.n, asked, "{left} requests, the quick profile sends {right}");
  if (!valid) return;
  const least = Math.floor(asked * (1 - FAILURES));
  yield atMost(latency.where, least, latency.n, "{right} requests, the quick profile sends {left}");
}

/** Clocks of nanoseconds never give the same figure in several processes.
 * @param {Claim} claim */
export function* intervalsHaveAWidth(claim) {
  for (const { suite, metric, method, labels, n, low, high, where } of claim.figures) {
    if (!claim.by.machine.WINDOWED.includes(metric) || suite === "kernels") continue;
    const several = (claim.number(labels.processes) ?? 0) > 1 && n > 1;
    if (method !== "measured" || !several || !isMedian(labels.percentile)) continue;
    let reason = null;
    if (low === null && high === null)
      reason = `has no interval, though ${n} samples lie behind it`;
    else if (low === high) reason = `has an interval of no width, of ${n} samples`;
    yield held(where, reason, low, high);
  }
}

/** @param {any} percentile */
const isMedian = (percentile = 50) =>
  (percentile instanceof Real ? percentile.value : percentile) === 50;

/** @param {Claim} claim */
export function* runsEndAfterTheyBegin({ predicate: { run } }) {
  const times = timesOf(run);
  if (!times) {
    yield held("run", `${run.started_at} or ${run.finished_at} is not a date`);
    return;
  }
  const { began, ended } = times;
  if (ended >= began) return;
  const reason = `ends at ${run.finished_at}, before it began ${run.started_at}`;
  yield held("run.finished_at", reason, began, ended);
}

/** No run lies ahead of the reader: an archive without a log's time is held so too.
 * @param {Claim} claim @param {unknown} _seed @param {number | null} clock */
export function* runsHaveBeen({ predicate: { run }, by }, _seed, clock) {
  const ended = secondsAt(run.finished_at);
  if (ended === null || clock === null) return; // no date: said above
  const late = ended > clock + by.machine.READERS_CLOCK;
  const reason = `${run.finished_at} lies ahead of this reader's clock`;
  yield held("run.finished_at", late ? reason : null, ended, clock);
}

/** A meter's accuracy is that of an instrument, and it was calibrated before it measured.
 * @param {Claim} claim */
export function* metersAreInstruments({ predicate: { run, meters }, by }) {
  const [least, most] = by.machine.ACCURACY;
  for (const { accuracy_percent: stated, calibrated_at: calibrated } of meters) {
    if (stated !== undefined && stated !== null) {
      const accuracy = stated instanceof Real ? stated.value : stated;
      const better = "states an accuracy of {right}%, no instrument is better than {left}%";
      yield atMost("meters", least, accuracy, better);
      yield atMost("meters", accuracy, most, "states an accuracy of {left}%, which is above {right}%");
    }
    if (calibrated !== undefined && calibrated !== null)
      yield held("meters", miscalibrated(calibrated, run.finished_at, by.machine));
  }
}

/** @param {string} calibrated @param {string} ended @param {any} by */
function miscalibrated(calibrated, ended, { CALIBRATED_FROM, CLOCK_SKEW }) {
  if (calibrated.slice(0, 4) < CALIBRATED_FROM)
    return `was calibrated at ${calibrated}, before ${CALIBRATED_FROM}`;
  const [time, end] = [secondsAt(calibrated), secondsAt(ended)];
  if (time === null) return `was calibrated at ${calibrated}, which is not a date`;
  if (end === null || time - CLOCK_SKEW <= end) return null; // no date: said above
  return `was calibrated at ${calibrated}, after the run ended at ${ended}`;
}

/** Everything timed, one thing after another, takes no longer than the run did.
 * @param {Claim} claim */
export function* windowsFitTheRun({ predicate: { run }, points, by }) {
  const times = timesOf(run);
  if (!times || times.ended < times.began) return; // said above
  const { WINDOWS, MORE_S } = by.machine;
  const timed = points.map(secondsOf).reduce((sum, seconds) => sum + seconds, 0);
  const took = (times.ended - times.began) * WINDOWS + MORE_S;
  yield atMost("run.finished_at", timed, took, "{left} s were timed in a run of {right} s");
}

/** Seconds behind the figures of a point, by its samples; 0 where they do not say.
 * @param {Point} point */
function secondsOf(point) {
  if (point.suite === "serving") {
    const [latency, rate] = [point.get("e2e", 50), point.get("request_throughput")];
    return latency && rate ? latency.n / rate.value : 0;
  }
  if (point.suite === "attested") return 0; // measured before
  const { batch = 1, osl } = point.load;
  const [first, pace] = [point.get("ttft", 50), point.get("tpot", 50)];
  if (first) return (first.n * first.value) / 1e3 / batch;
  return pace && osl !== undefined ? (((pace.n * pace.value) / 1e3) * (osl - 1)) / batch : 0;
}

/** When a run began and ended, in seconds since 1970; null where it gives no dates.
 * @param {{started_at: string, finished_at: string}} run */
function timesOf({ started_at, finished_at }) {
  const [began, ended] = [secondsAt(started_at), secondsAt(finished_at)];
  return began === null || ended === null ? null : { began, ended };
}

/** Seconds since 1970; null of what is not a date.
 * @param {string} date */
function secondsAt(date) {
  try {
    return moment(date) / 1e6;
  } catch {
    return null;
  }
}

/** Entry of the catalogue by the name a driver gives, by CPUID, or by the machine's tables.
 * @param {Claim} claim @param {any} machine */
function seen(claim, { chip, conditions = {} }) {
  const { by } = claim;
  const { cpu_vendor, machine_tables = "", ...shown } = conditions;
  const tables = said(machine_tables).split("; ");
  const { name } = chip;
  if (chip.kind !== "cpu") return identify({ name, tables, pci: chip.pci?.[0] }, claim.tables);
  const [family, model, stepping] = ["cpu_family", "cpu_model", "cpu_stepping"].map((label) => {
    const number = claim.number(shown[label]);
    return number === null ? null : Math.trunc(number);
  });
  for (const vendor of typeof cpu_vendor === "string" ? [cpu_vendor] : by.machine.VENDORS) {
    const cpu = { vendor, family: family ?? 0, model: model ?? 0, stepping };
    const entry = identify({ name, tables, cpu }, claim.tables);
    if (entry) return entry;
  }
  return null;
}

/** Whether the chip seen entered the catalogue after this run: it could not be claimed.
 * @param {Claim} claim @param {string | null} entry */
function unlistedThen({ tables, predicate: { run } }, entry) {
  const added = entry && tables.chips[entry].added;
  return Boolean(added && start(run.started_at, 10) < added);
}

/** How many chips, or cores, the machine showed; null where it showed none.
 * @param {Claim} claim @param {any} machine */
function mostChips({ by, chip: entry }, { chip, cpu_cores, conditions = {} }) {
  if (chip.kind === "cpu") {
    const cpus = listedCpus(conditions.numa_cpus, by.machine);
    return { most: Math.min(cpu_cores, cpus || cpu_cores), told: "the machine shows {right}" };
  }
  const card = new RegExp(`^(?:${by.machine.GPU})`);
  const cards = new Set(Object.keys(conditions).flatMap((name) => card.exec(name)?.[1] ?? []));
  if (cards.size) return { most: cards.size, told: "the driver shows {right}" };
  // Of one card a driver may say nothing, as of a part of it or of a module. Several are listed.
  const lists = chip.kind === "gpu" && by.machine.LISTING.includes(entry?.vendor);
  return lists ? { most: 1, told: "the driver lists none of them" } : null;
}

/** Logical cores of a list such as "node0 0-3,8; node1 4-7".
 * @param {any} listed @param {Record<string, any>} by */
function listedCpus(listed, { LONGEST, CPUS }) {
  if (typeof listed !== "string" || [...listed].length >= LONGEST) return 0; // absent, or cut short
  const span = whole(CPUS);
  let cpus = 0;
  for (const node of listed.split(";"))
    for (const part of node.trim().split(" ").slice(1).join(" ").split(",")) {
      const [, first, last] = span.exec(part.trim()) ?? [];
      if (first) cpus += Number(last ?? first) - Number(first) + 1;
    }
  return cpus;
}

/** Chips that the engine was spread over, or threads that it ran, as it was started.
 * @param {Claim} claim */
function chipsUsed(claim) {
  const { machine, engines } = claim.predicate;
  /** @param {any} engine @param {string} name */
  const flag = ({ flags = {} }, name) => claim.number(flags[name]);
  /** @type {string[][]} */
  const axes = Object.values(claim.by.machine.AXES);
  const isCpu = machine.chip.kind === "cpu";
  const chips = engines.map((/** @type {any} */ engine) =>
    isCpu
      ? (flag(engine, "n_threads") ?? 0)
      : Math.max(
          axes.reduce((product, names) => product * alongAxis(claim, engine, names), 1),
          alongAxis(claim, engine, claim.by.machine.WORLD),
          listedChips(claim, engine),
        ),
  );
  const by = isCpu ? "the engine's threads" : "the engine's layout";
  return { chips: chips.length ? Math.max(...chips) : 0, by };
}

/** Chips along an axis; engines take numbers as texts too.
 * @param {Claim} claim @param {any} engine @param {string[]} names */
function alongAxis(claim, engine, names) {
  const told = flagsOfRun(claim, engine).filter(([flag]) => names.includes(flag));
  const chips = told.map(([, value]) => {
    if (typeof value !== "string") return claim.number(value) || 1;
    const [digits] = value.replace(/^ +| +$/g, "").replace(/^\+/, "").split(".");
    return /^[0-9]+$/.test(digits) ? Number(digits.slice(0, 6)) || 1 : 1;
  });
  return chips.length ? Math.max(...chips) : 1;
}

/** @param {Claim} claim @param {any} engine */
function listedChips(claim, engine) {
  const told = flagsOfRun(claim, engine).filter(([flag]) => claim.by.machine.LISTS.includes(flag));
  return Math.max(1, ...told.map(([, value]) => said(value).split(",").length));
}

/** Figures that say over how many chips they were spread say no more than are claimed.
 * @param {Claim} claim @param {any} chip */
function* laidOut(claim, chip) {
  /** @type {string[]} */
  const names = claim.by.machine.LAYOUT;
  /** @type {Map<string, number[]>} */
  const layouts = new Map();
  for (const { labels } of claim.figures)
    if (names.some((name) => Object.hasOwn(labels, name))) {
      const layout = names.map((name) => claim.number(labels[name]) || 0);
      layouts.set(JSON.stringify(layout), layout);
    }
  for (const [all, experts, prefill, decode, ...axes] of layouts.values()) {
    const product = axes.reduce((one, other) => one * Math.max(1, other), 1);
    const chips = Math.max(all, experts, prefill + decode, product);
    const reason = "by their labels figures are of {left} chips, {right} are claimed";
    yield atMost("machine.chip.count", chips, chip.count, reason);
  }
}
