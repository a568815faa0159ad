#!/bin/sh
# First contact with a machine: doctor, acceptance test, kernels of the CPU by NumPy and of each device,
# prefill and decode by the portable engine (of three models on a device, of one on a CPU), verification.
#   scripts/device.sh [FOLDER]     everything lands in FOLDER, by default out/device
# FENMARK and PYTHON name the commands; Fenmark must be installed for PYTHON, or lie in the folder
# WHEELS with what it needs (`nox -s wheels`): that is installed into FOLDER, and no network is asked.
# Exit 0 when every step ran: what the acceptance test says of the machine is in its own files.
set -u
out=${1:-out/device}
fenmark=${FENMARK:-fenmark}
python=${PYTHON:-python3}
mkdir -p "$out" || exit 2
if [ -n "${WHEELS:-}" ]; then
    packages=$(cd "$out" && pwd)/packages
    "$python" -m pip install -q --no-index --no-deps --upgrade --target "$packages" "$WHEELS"/*.whl || exit 2
    export PYTHONPATH="$packages${PYTHONPATH:+:$PYTHONPATH}"
    fenmark=$packages/bin/fenmark
fi
: > "$out/steps.tsv"
failed=0

# step NAME HIGHEST_EXIT_CODE COMMAND…: its stdout in NAME.out, stderr in NAME.log
step() {
    name=$1 most=$2
    shift 2
    begun=$(date +%s)
    "$@" > "$out/$name.out" 2> "$out/$name.log"
    code=$?
    [ "$code" -le "$most" ] || failed=1
    printf '%s\t%s\t%s s\n' "$name" "exit $code" "$(($(date +%s) - begun))" | tee -a "$out/steps.tsv"
}

absent() {
    printf '%s\tabsent\t%s\n' "$1" "$2" | tee -a "$out/steps.tsv"
}

step doctor 0 "$fenmark" doctor --json
step accept 1 "$fenmark" accept --json --html "$out/accept.html"
step backends 0 "$python" -c 'from suites.kernels.backends import installed
print("\n".join(name for name in installed() if name not in {"numpy", "torch"}))'
step kernels-cpu 0 "$fenmark" run --suite kernels --backend numpy --out "$out/results" --json
devices=$(cat "$out/backends.out")
for backend in $devices; do
    name=$(printf '%s' "kernels-$backend" | tr -c 'a-z0-9-' '-')
    step "$name" 0 "$fenmark" run --suite kernels --backend "$backend" --out "$out/results" --json
done
[ -n "$devices" ] || absent kernels-device "no torch or CuPy with a device here"
device=$("$python" -c 'from suites.engines.template import chosen
print(chosen("transformers")[1])')
if "$python" -c 'import torch, transformers' 2> /dev/null; then
    models='tiny-15m'
    # On a CPU each of the others takes longer than all the rest.
    [ "$device" = cpu ] || models="$models qwen2.5-0.5b qwen3-8b"
    for model in $models; do
        step "inference-$model" 0 "$fenmark" run --suite inference --engine "transformers:$device" \
            --model "$model" --out "$out/results" --json
    done
else
    absent inference-transformers "no torch and transformers for $python"
fi
step verify 0 "$fenmark" verify "$out/results"
exit "$failed"
