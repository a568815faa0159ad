"""Who gives way when too many are connected."""

from results.service.crowd import Crowd


class Fake:
    """A connection that notes that it was cut."""

    def __init__(self):
        self.open = True

    def cut(self):
        self.open = False


def entered(crowd, *addresses):
    connections = [Fake() for _ in addresses]
    statuses = [crowd.enter(*pair) for pair in zip(connections, addresses, strict=True)]
    assert not any(statuses)
    return connections


def shape(connections):
    return [each.open for each in connections]


def test_the_one_of_its_address_waited_for_longest_makes_room():
    crowd = Crowd(most=10, most_of_address=2)
    connections = entered(crowd, "b", "a", "a", "a")
    assert shape(connections) == [True, False, True, True]
    crowd.awaits(connections[2])  # it was answered: now the other is waited for longer
    assert shape(connections + entered(crowd, "a")) == [True, False, True, False, True]


def test_where_all_are_taken_the_one_of_all_waited_for_longest_makes_room():
    crowd = Crowd(most=3, most_of_address=2)
    connections = entered(crowd, "a", None, None, "b")
    assert shape(connections) == [False, True, True, True]


def test_who_is_being_served_is_not_cut_and_newcomers_are_told():
    crowd = Crowd(most=3, most_of_address=2)
    connections = entered(crowd, "a", "a")
    for each in connections:
        crowd.serves(each)
    assert crowd.enter(Fake(), "a") == 429
    connections += entered(crowd, "b")
    crowd.serves(connections[-1])
    assert crowd.enter(Fake(), "c") == 503
    assert crowd.enter(Fake(), None) == 503
    assert all(shape(connections))
    crowd.leave(connections[0])
    assert crowd.enter(Fake(), "a") == 0


def test_a_proxy_carries_more_than_an_address_may():
    crowd = Crowd(most=5, most_of_address=1)
    assert all(shape(entered(crowd, None, None, None, "a")))


def test_who_left_is_forgotten():
    crowd = Crowd(most=2, most_of_address=1)
    for number in range(1000):
        [connection] = entered(crowd, f"{number}")
        crowd.leave(connection)
        crowd.awaits(connection)
        crowd.leave(connection)
    assert (crowd._addresses, crowd._of_address, crowd._awaited) == ({}, {}, {})
