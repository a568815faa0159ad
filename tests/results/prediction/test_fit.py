"""What the fit learns, shrinks and asks for."""

from dataclasses import replace

import numpy as np
import pytest

from results.prediction.ask import most_telling
from results.prediction.cells import ServingCell
from results.prediction.evaluate import UNITS, after_asking, leave_out
from results.prediction.fit import CellTerms, Priors, features, fit, joint
from results.prediction.interval import group_weights, stretch, weighted_quantile
from results.prediction.plan import Layout

PRIORS = Priors()


def cell(model="m", engine="e", load=8.0, isl=1024.0, chip="c"):
    return ServingCell(
        id=f"{chip}{model}{engine}{load}{isl}", chip=chip, model=model, engine=engine,
        precision="fp8", isl=isl, osl=1024.0, concurrency=load, layout=Layout(),
    )  # fmt: skip


def sample(cells, factors):
    """Two terms of 6 and 4 ms for each unit of load's root; measured is their sum × a factor."""
    size = np.sqrt([own.concurrency for own in cells])
    terms = np.array([6.0 * size, 4.0 * size])
    return CellTerms(cells, terms, features(cells), terms.sum(axis=0) * np.array(factors))


def grid(model="m", engine="e", chip="c"):
    return [
        cell(model, engine, load, isl, chip) for load in (1.0, 8.0, 64.0) for isl in (512.0, 8192.0)
    ]


def test_nothing_to_correct_leaves_the_sums():
    own = sample(grid(), [1.0] * 6)
    fitted = fit(own, PRIORS)
    assert fitted.multipliers() == pytest.approx([1.0, 1.0])
    assert fitted.guess(own).log == pytest.approx(np.log(own.measured))


def test_an_engine_that_is_slow_everywhere_is_expected_slow_for_a_model_never_seen():
    cells = [own for model in "abcd" for own in grid(model)]
    fitted = fit(sample(cells, [1.3] * len(cells)), PRIORS)
    new = sample([cell("new")], [1.0])
    ratio = float(np.exp(fitted.guess(new).log[0]) / 10.0 / np.sqrt(8.0))
    assert 1.0 < ratio < 1.3  # shrunk towards the sum


def test_a_groups_own_cells_outweigh_what_others_teach():
    others = [own for model in "abcd" for own in grid(model)]
    near = grid("new")
    known = sample([*others, *near[:3]], [1.0] * len(others) + [1.4] * 3)
    before = fit(sample(others, [1.0] * len(others)), PRIORS).guess(sample(near[3:], [1.4] * 3))
    after = fit(known, PRIORS).guess(sample(near[3:], [1.4] * 3))
    truth = np.log(sample(near[3:], [1.4] * 3).measured)
    assert np.abs(after.log - truth).max() < np.abs(before.log - truth).min()
    assert (after.deviation < before.deviation).all()


def test_rows_too_far_from_the_sum_of_their_terms_teach_nothing():
    cells = [own for model in "ab" for own in grid(model)]
    factors = [1.1] * len(cells)
    wild = [3.0, 0.3, *factors[2:]]
    near = replace(PRIORS, farthest=1.0)
    kept = fit(sample(cells, factors).where(np.arange(2, len(cells))), PRIORS)
    assert fit(sample(cells, wild), near).mean == pytest.approx(kept.mean)
    assert fit(sample(cells, wild), PRIORS).mean != pytest.approx(kept.mean)
    nothing = fit(sample(cells, [9.0] * len(cells)), near)
    assert nothing.multipliers() == pytest.approx([1.0, 1.0])


def test_no_row_is_surer_than_its_noise():
    own = sample(grid(), [1.0] * 6)
    assert (fit(own, PRIORS).guess(own).deviation > PRIORS.noise).all()


def test_what_rows_expect_of_each_other_is_a_covariance_with_the_guess_on_its_diagonal():
    others = sample([own for model in "ab" for own in grid(model)], [1.0] * 12)
    new = sample([*grid("new"), *grid("a")], [1.0] * 12)
    fitted = fit(others, PRIORS)
    covariance = joint(fitted, new)
    assert np.allclose(covariance, covariance.T)
    assert np.linalg.eigvalsh(covariance).min() > -1e-9
    deviations = np.sqrt(np.diag(covariance) + PRIORS.noise**2)
    assert deviations == pytest.approx(fitted.guess(new).deviation)


def test_cells_are_asked_for_that_lie_apart():
    others = sample([own for model in "ab" for own in grid(model)], [1.0] * 12)
    near = [cell("new", load=load) for load in (8.0, 8.1, 8.2, 8.3)]
    candidates = sample([*near, cell("new", load=512.0)], [1.0] * 5)
    chosen = most_telling(fit(others, PRIORS), candidates, 2)
    assert len(set(chosen)) == 2
    assert 4 in chosen
    assert len(most_telling(fit(others, PRIORS), candidates, 99)) == 5


def test_a_unit_is_predicted_without_its_own_rows():
    cells = [own for model in "abc" for own in grid(model)]
    held = leave_out(sample(cells, [1.0] * 12 + [2.0] * 6), UNITS["model"], PRIORS)
    # Model c's factor of 2 is known from no other, and no other model is blamed for it wholly.
    assert held.errors[12:] == pytest.approx([np.log(2.0)] * 6, abs=0.1)
    with pytest.raises(ValueError, match="one unit alone"):
        leave_out(sample(grid(), [1.0] * 6), UNITS["model"], PRIORS)


def test_asked_cells_are_no_part_of_the_score():
    cells = [own for model in "ab" for own in grid(model)]
    held = after_asking(sample(cells, [1.0] * 6 + [1.5] * 6), PRIORS, 2)
    assert len(held.cells) == 8
    assert held.covered(10.0) == 1.0


def test_groups_weigh_the_same_however_many_rows_they_have():
    cells = [cell("a", load=float(i)) for i in range(1, 10)] + [cell("b")]
    weights = group_weights(cells)
    assert weights[:9].sum() == pytest.approx(weights[9])
    errors = np.array([0.01] * 9 + [0.5])
    assert stretch(cells, errors, np.ones(10)) == 0.5
    assert weighted_quantile(errors, np.ones(10), 0.9) == 0.01


def test_learning_from_a_row_twice_is_not_done_by_its_name():
    cells = grid()
    assert len({own.id for own in cells}) == 6
    assert replace(cells[0], id="x").group == cells[0].group
