"""Where a training might have stopped."""

from w2s_ray.metrics.stops import stops


def point(step, select, test):
    return {"step": step, "loss": 0.5, "select_accuracy": select, "test_accuracy": test}


COURSE = [point(10, 0.6, 0.7), point(20, 0.8, 0.75), point(30, 0.7, 0.9), point(40, 0.8, 0.6)]


def test_each_rule_stops_at_its_own_best_and_says_the_truth_there():
    assert stops(COURSE) == {"last": 0.6, "weak-val": 0.75, "oracle": 0.9}


def test_the_earliest_of_equals_counts_as_in_training_whatever_the_order_of_the_points():
    assert stops(COURSE[::-1]) == stops(COURSE)


def test_points_without_an_accuracy_tell_nothing():
    losses = [point(5, None, None), point(15, float("nan"), float("nan")), {"step": 35, "loss": 0.1}]
    assert stops([*losses, *COURSE]) == stops(COURSE)


def test_a_course_that_was_seen_once_or_never_is_undefined():
    assert stops([]) is None
    assert stops([point(5, None, None), point(10, 0.6, 0.7)]) is None
