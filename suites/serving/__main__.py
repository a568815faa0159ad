"""`python -m suites.serving --spec FILE --out FILE`."""

from suites.base.child import main
from suites.serving.run import run_cell

main(run_cell)
