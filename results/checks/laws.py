"""The table of laws: what every figure is checked against, signed or reported, wherever it is met.

Methodology page, `fenmark check`, `verify`, the API and the runner all read this one table.
"""

from __future__ import annotations

from results.checks import (
    labels,
    machine,
    names,
    order,
    origin,
    points,
    power,
    queueing,
    roofline,
    samples,
    speculation,
)
from results.checks.finding import Law

__all__ = ["AHEAD", "LAWS", "ONE_ANSWER", "SAMPLES"]

# A link stands alone in its cell: inside a text it would need more than its colour.
_DATASHEET = "[Williams, Waterman and Patterson 2009](https://doi.org/10.1145/1498765.1498785)"
_LITTLE = "[Little 1961](https://doi.org/10.1287/opre.9.3.383)"

_DRAFTED = (
    "10%; unknown precision as 4 bits; where a draft is stated, six tokens a step, or those it "
    "says it accepts if they are fewer or the engine was made to accept them"
)

SAMPLES = Law(
    name="samples",
    formula="digests of raw samples, of all figures and of their intervals' shapes ≠ those of "
    "another result",
    source="two runs never give the same samples",
    given="samples",
    find=origin.samples_are_new,
)

ONE_ANSWER = Law(
    name="duplicate",
    formula="one result for each challenge",
    source="a challenge seeds one run; a log takes one answer, and an archive shows it",
    given="samples",
    find=origin.challenge_has_one_answer,
)

AHEAD = Law(
    name="time",
    formula="finished ≤ the reader's own clock",
    source="nobody has measured tomorrow; an archive need not say when it received a result",
    tolerance="a day",
    given="clock",
    find=machine.runs_have_been,
)

LAWS = (
    Law(
        name="latency-order",
        outcome="refused",
        formula="0 ≤ low ≤ value ≤ high",
        source="an interval of a value holds the value",
        find=order.values_lie_in_their_interval,
    ),
    Law(
        name="latency-order",
        outcome="refused",
        formula="p50 ≤ p90 ≤ p99 of one distribution",
        source="quantiles are monotone",
        find=order.percentiles_are_ordered,
    ),
    Law(
        name="latency-order",
        formula="(1 − q) × p_q ≤ mean ≤ 10 × the highest percentile; |mean − median| ≤ standard "
        "deviation; least ≤ mean ≤ most",
        source="Markov's inequality; a mean and its median lie within a standard deviation",
        tolerance="2%",
        find=order.means_lie_among_their_quantiles,
    ),
    Law(
        name="latency-order",
        formula="TTFT ≤ TTFO ≤ end-to-end, and service ≤ end-to-end, at each percentile; "
        "(OSL − 1) × TPOT ≤ end-to-end ≤ TTFT + (OSL − 1) × TPOT",
        source="a request's time is that of its first token and of its steps",
        tolerance="2% where quantiles bound each other exactly, 35% for lengths only asked for; "
        "50% between medians",
        needs=frozenset({"e2e"}),
        find=order.latencies_contain_each_other,
    ),
    Law(
        name="latency-order",
        formula="TPOT and end-to-end of more at once, of a larger batch or a longer context, "
        "and TTFT of a longer prompt, ≥ those of less",
        source="more work on the same chips takes no less time",
        tolerance="a factor of 2 between points whose cases differ in that number alone, "
        "beyond both intervals",
        needs=frozenset({"ttft", "tpot"}),
        find=order.more_work_takes_no_less,
    ),
    Law(
        name="latency-order",
        formula="the engine's own time ≤ the client's; TPOT of one request alone ≤ TPOT under load",
        source="who waits for another's work waits no less",
        tolerance="25% between clocks; a factor of 5 between suites, beyond both intervals",
        needs=frozenset({"ttft", "tpot"}),
        find=order.clocks_agree,
    ),
    Law(
        name="queueing",
        formula="rate × mean end-to-end ÷ OSL (ISL where nothing is generated) = concurrency, and "
        "request rate × mean end-to-end likewise, the mean being any that the percentiles allow; "
        "in an open loop or a replayed trace ≤ the cap; "
        "a rate stands beside its load, its lengths, end-to-end and first tokens' time",
        source=_LITTLE,
        tolerance=f"{queueing.LEAST:g} to {queueing.MOST:g} of the concurrency, "
        "beyond both intervals",
        needs=frozenset({*queueing.SERVED, "request_throughput"}),
        find=queueing.requests_in_flight_are_the_load,
    ),
    Law(
        name="queueing",
        formula="completed rate ≤ offered rate",
        source="an open loop serves what is sent",
        tolerance="10%, and three times 1/√n for the arrivals of n requests; "
        "not of a replayed trace",
        needs=frozenset({"request_throughput", "output_throughput"}),
        find=queueing.no_more_is_served_than_asked,
    ),
    Law(
        name="queueing",
        formula="alone: decode rate × TPOT = batch; prefill rate × TTFT = ISL",
        source=_LITTLE,
        tolerance="25%, beyond both intervals",
        needs=frozenset({"decode_throughput", "prefill_throughput"}),
        find=queueing.steps_give_the_rate,
    ),
    Law(
        name="queueing",
        formula="rate = tokens ÷ window: total = input + output; tokens/s = requests/s × length",
        source="definition of the rates",
        tolerance="25%, and three times 1/√n for requests at the window's edges",
        needs=frozenset({"input_throughput", "output_throughput"}),
        find=queueing.rates_are_tokens_over_time,
    ),
    Law(
        name="queueing",
        formula="bandwidth × time = bytes in the case's name; rate × time = 2 n³ of a square "
        "product",
        source="suites/kernels: copy, triad and read are named after what they move, peak after "
        "what it computes",
        tolerance="25%, beyond both intervals",
        needs=frozenset({"bandwidth", "compute_rate", "integer_rate"}),
        find=queueing.kernels_move_their_bytes,
    ),
    Law(
        name="interactivity",
        formula="interactivity = 1 ÷ TPOT, which stands beside it",
        source="definition of interactivity",
        tolerance="10%, beyond both intervals",
        needs=frozenset({"interactivity"}),
        find=order.interactivity_is_the_pace,
    ),
    Law(
        name="goodput",
        formula="goodput ≤ request rate; failed ≤ requests",
        source="definition of goodput",
        tolerance="2%",
        needs=frozenset({"goodput", "failed"}),
        find=order.good_requests_are_requests,
    ),
    Law(
        name="roofline",
        formula="kernel rate ≤ datasheet peak of its dtype; cold bandwidth ≤ datasheet bandwidth; "
        "of a CPU, of all sockets",
        source=_DATASHEET,
        tolerance="10%",
        needs=frozenset({"compute_rate", "integer_rate", "bandwidth"}),
        find=roofline.kernels_stay_below_the_roofline,
    ),
    Law(
        name="roofline",
        formula="tokens/s ≤ 1 ÷ max(FLOPs ÷ peak, bytes ÷ bandwidth) of a token",
        source=_DATASHEET,
        tolerance=_DRAFTED,
        needs=frozenset(roofline.RATES),
        find=roofline.rates_stay_below_the_roofline,
    ),
    Law(
        name="roofline",
        formula="bytes of the touched weights ÷ TPOT ≤ bandwidth × chips",
        source=_DATASHEET,
        tolerance=_DRAFTED,
        needs=frozenset({"tpot"}),
        find=roofline.steps_read_their_weights,
    ),
    Law(
        name="roofline",
        formula="FLOPs of the prompt ÷ TTFT ≤ highest peak × chips",
        source=_DATASHEET,
        tolerance="10%; a shared prefix counts as computed before; not of a trace or conversations",
        needs=frozenset({"ttft"}),
        find=roofline.prompts_are_computed,
    ),
    Law(
        name="labels",
        formula="1 ≤ tokens a step ≤ drafts + 1; = 1 + the shares accepted up to each place, "
        "which never rise",
        source="definition of acceptance length",
        tolerance="6%",
        find=speculation.drafts_add_up,
    ),
    Law(
        name="memory",
        formula="weights at their narrowest ≤ memory of all chips, and so with the caches of the "
        "sequences decoded at a time, rate × TPOT, at 4 bits a value",
        source="datasheets in results/catalog/chips; the machine's memory for a CPU",
        tolerance="10%; the host's memory is added where weights may lie there",
        find=roofline.weights_fit_the_memory,
    ),
    Law(
        name="power",
        formula="idle ≤ power ≤ nameplate × chips, and J/token × tokens/s likewise; "
        "≥ 5% of the nameplate, idle accelerators ≥ 0.5%; "
        "≤ power cap × chips; joules of tokens stand beside their rate, and of several cards are "
        "those of all; "
        "modelled joules × rate = nameplate, their value its middle",
        source="nameplates in results/catalog/chips",
        tolerance="10%; four nameplates and 2 kW for a node or at the wall; 40% of a model",
        find=power.power_is_possible,
    ),
    Law(
        name="power",
        formula="J/token = W ÷ (tokens/s)",
        source="definition of J/token",
        tolerance="25%",
        needs=frozenset({"power"}),
        find=power.energy_is_power_over_rate,
    ),
    Law(
        name="meter",
        formula="measured energy is by a meter the result lists, with its scope and method, "
        "and no model",
        source="schema of the result; scopes chip, package, node, wall",
        find=power.joules_have_a_meter,
    ),
    Law(
        name="meter",
        formula="0.005% ≤ accuracy of a meter ≤ 100%; 1950 ≤ calibrated ≤ finished",
        source="IEC 62053-22: the best class is 0.1, what calibrates it a twentieth of that",
        tolerance="ten minutes of clock skew",
        find=machine.meters_are_instruments,
    ),
    Law(
        name="chip",
        formula="entry, kind, count and memory claimed = those of driver, CPUID, PCI bus and "
        "kernel, and of several the driver lists each; "
        "tp × pp × cp × dp × replicas, ep, listed devices, chips in labels and in the run's "
        "options, and threads ≤ count; "
        "chip and count in a harness' file = those claimed",
        source="what the machine said of itself, and `match`, `cpuid` and `pci` of the catalogue",
        tolerance="30% for memory; a chip behind an endpoint is as its runner states it",
        find=machine.chips_are_those_seen,
    ),
    Law(
        name="profile",
        formula="seconds, samples, processes and failures of each point = those of its profile",
        source="suites: standard holds a serving point 60 s, full 600 s",
        tolerance="20%; points that the user's options make longer or shorter are theirs",
        find=machine.profiles_keep_their_word,
    ),
    Law(
        name="profile",
        formula="failures, p90 and p99 are stated; of a valid point ≤ 2% of the input was cached "
        "beyond what is shared, the instrument's error is ≤ 2% of TTFT, and at least half of a "
        "prompt's tokens are counted, at most twice as many; all times of a point are of its "
        "requests",
        source="suites/serving: what a point that leaves nothing out says",
        tolerance="1%; a percentile from the first request beyond it",
        needs=frozenset({"request_throughput", "ttft", "tpot", "e2e", "cached_tokens"}),
        find=points.points_say_all_that_was_seen,
    ),
    Law(
        name="profile",
        formula="low < high for a median of several processes",
        source="clocks of nanoseconds never agree",
        needs=frozenset(machine.WINDOWED),
        find=machine.intervals_have_a_width,
    ),
    Law(
        name="time",
        outcome="refused",
        formula="started ≤ finished ≤ received",
        source="a run ends after it begins, and before it is submitted",
        tolerance="ten minutes of clock skew",
        find=machine.runs_end_after_they_begin,
    ),
    AHEAD,
    Law(
        name="time",
        formula="Σ samples × their time ≤ finished − started",
        source="a run times one thing after another",
        tolerance="10%",
        find=machine.windows_fit_the_run,
    ),
    Law(
        name="duplicate",
        formula="one figure for each case, metric, percentile, turn, adapter and meter; one case "
        "for each load",
        source="a reader cannot choose between two",
        find=order.each_figure_stands_once,
    ),
    ONE_ANSWER,
    Law(
        name="labels",
        outcome="refused",
        formula="a label's value is of its name's type and range",
        source="suites/base/labels.py: one name, one type",
        find=labels.labels_are_typed,
    ),
    Law(
        name="labels",
        outcome="refused",
        formula="a known metric, in its unit, with samples behind it; a measured share ≤ 1",
        source="suites/base/metrics.py: one name, one unit",
        find=names.metrics_are_known,
    ),
    Law(
        name="labels",
        formula="the load, or a kernel's family, dtype and cache, in a case's name = those in its "
        "labels and in the run's options; numbers are numbers; rates of requests are of the suite "
        "serving; a closed or an open loop has no label of another load; what is valid names no "
        "reason against it",
        source="suites: a case is named after its load",
        find=names.cases_are_their_labels,
    ),
    Law(
        name="labels",
        formula="one engine's one model at one precision, of the sizes and weights it is named "
        "for; those in a harness' file, in flags and in options = those stated",
        source="one result is about one engine's model",
        find=names.one_model_is_measured,
    ),
    Law(
        name="labels",
        formula="weights are no narrower by model's name, engine's flags and the run's options "
        "than is stated",
        source="suites/models/widths.py: one name, one width",
        find=names.precision_is_that_of_its_names,
    ),
    Law(
        name="labels",
        formula="names of chip, model, precision, engine and flags hold no letter that looks "
        "like another, and none that is not seen",
        source="a name that a reader takes for another is held to no table",
        find=names.names_are_as_they_look,
    ),
    Law(
        name="samples",
        outcome="refused",
        formula="value, interval, n and labels of each figure = those that the raw samples give; "
        "what speaks against a point (failures, cached tokens, the instrument's and the engine's "
        "times) is stated",
        source="suites/evidence.py: the suites' own summaries, run again; of an attested result "
        "its harness' file, read again by results/reported/attested.py",
        tolerance="1e-9; without raw samples, or for energy in those of the first versions, "
        "not checked",
        given="evidence",
        find=samples.samples_give_the_figures,
    ),
    Law(
        name="samples",
        formula="eight times of a request or more, of one process, are neither all alike nor whole "
        "hundredths of a millisecond, nor those of another process or case times a number",
        source="clocks of nanoseconds neither round nor repeat themselves",
        given="evidence",
        find=samples.samples_are_of_a_clock,
    ),
    SAMPLES,
    Law(
        name="samples",
        formula="a few elements of kernel outputs = those computed again from the challenge",
        source="what a kernel gives for the challenge's inputs was not known before it; "
        "a server computes at most three cheap cases, a reader none",
        tolerance="the dtype's gate (suites/kernels/spotcheck.py)",
        given="choose",
        find=origin.outputs_come_from_the_seed,
    ),
    Law(
        name="nonce",
        outcome="refused",
        formula="the challenge was issued by this log, is unused and not expired, "
        "and seeds the run; the run's seed makes the questions",
        source="a challenge is used once; who knows the questions before can know the answers",
        find=origin.nonce_is_ours,
    ),
    Law(
        name="job",
        formula="commit, repository and kind of machine = those of the certificate",
        source="the certificate of a keyless signature, which GitHub and Sigstore vouch for",
        given="claims",
        find=origin.job_is_the_one_certified,
    ),
    Law(
        name="suite",
        formula="measured by a released version, and not before its release",
        source="results/catalog/versions.toml",
        tolerance="a week before the release",
        find=names.suite_is_known,
    ),
    Law(
        name="software",
        formula="the engine is named; the code was that of its commit",
        source="a figure without its engine or code cannot be repeated",
        find=names.software_is_stated,
    ),
)
