"""`python -m suites.inference --spec FILE --out FILE`."""

from suites.base.child import main
from suites.inference.run import run_cell

main(run_cell)
