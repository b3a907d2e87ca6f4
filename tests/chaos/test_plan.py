"""One seed is one plan: who buys how, what breaks when."""

from collections import Counter

from chaos import plan

GOODS = [f"sku-{n}" for n in range(10)]


def purchases(seed, count=4000):
    return [plan.purchase(seed, number, GOODS, plan.MIX) for number in range(count)]


def test_the_same_seed_plans_the_same_shoppers_and_the_same_weather():
    assert purchases(7, 50) == purchases(7, 50)
    assert purchases(7, 50) != purchases(8, 50)
    storm = [plan.weather(7, 2000, failover="sync", per_thousand=plan.PER_THOUSAND) for _ in "12"]
    assert storm[0] == storm[1]


def test_a_shopper_is_the_same_whoever_came_before():
    assert plan.purchase(7, 40, GOODS, plan.MIX) == purchases(7, 41)[40]


def test_shoppers_come_in_the_wanted_mix():
    seen = Counter(p.scenario for p in purchases(1))
    assert set(seen) == set(plan.MIX)
    for scenario, percent in plan.MIX.items():
        assert abs(seen[scenario] / 40 - percent) < 3


def test_every_key_is_a_key_of_its_own():
    made = purchases(1)
    assert len({p.key for p in made}) == len(made)


def test_each_kind_of_weather_comes_as_often_as_asked_and_the_failover_once():
    events = plan.weather(1, 2000, failover="async", per_thousand=plan.PER_THOUSAND)
    seen = Counter(event.kind for event in events)
    wanted = {kind: 2 * count for kind, count in plan.PER_THOUSAND.items()} | {"failover": 1}
    assert seen == wanted
    assert events == sorted(events, key=lambda event: event.after_orders)
    assert all(200 <= event.after_orders <= 1800 for event in events)


def test_a_short_run_has_each_kind_once():
    events = plan.weather(1, 60, failover="none", per_thousand=plan.PER_THOUSAND)
    assert Counter(event.kind for event in events) == dict.fromkeys(plan.PER_THOUSAND, 1)


def test_every_knob_is_one_of_the_banks():
    from simulator.faults import Faults

    for epoch in (1, 2):
        Faults().replace(plan.faults(3, epoch, ignores_key=True))
