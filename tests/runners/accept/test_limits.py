"""Control groups of both versions, read from trees of files."""

import pytest

from runners.accept.limits import quota, throttled_s


def tree(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


V2 = {
    "proc/self/cgroup": "0::/job/inner\n",
    "sys/fs/cgroup/job/cpu.max": "160000 100000\n",
    "sys/fs/cgroup/job/inner/cpu.max": "max 100000\n",
    "sys/fs/cgroup/job/cpu.stat": "usage_usec 5\nthrottled_usec 2500000\n",
}
V1 = {
    "proc/self/cgroup": "4:memory:/a\n1:cpu,cpuacct:/docker/x\n0::/\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.stat": "nr_periods 3\nthrottled_time 1500000000\n",
    "sys/fs/cgroup/memory/a/cpu.cfs_quota_us": "1\n",
}
FREE = {"proc/self/cgroup": "1:cpu:/\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n"}


@pytest.mark.parametrize(
    ("files", "cores", "waited"),
    [(V2, 1.6, 2.5), (V1, 0.5, 1.5), (FREE, None, 0.0), ({}, None, 0.0)],
)
def test_the_tightest_group_counts(tmp_path, files, cores, waited):
    root = tree(tmp_path, files)
    assert quota(root) == cores
    assert throttled_s(root) == waited


def test_a_group_outside_is_not_read(tmp_path):
    files = {
        "proc/self/cgroup": "0::/../../etc\n",
        "sys/cpu.max": "1 100000\n",
        "etc/cpu.max": "1 100000\n",
    }
    assert quota(tree(tmp_path, files)) is None
