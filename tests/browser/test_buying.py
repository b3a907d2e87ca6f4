"""Whole purchases in a browser, by every way to pay; what was charged is the bank's word."""

from playwright.sync_api import expect

from tests.browser.shopper import CARD, QR, REDIRECT, Shopper


def test_a_paid_code_turns_the_page_to_paid_by_itself(shopper: Shopper):
    payment = shopper.start(QR)
    shopper.page.route("**/status/", lambda route: route.abort())  # no polling, only the push
    shopper.shop.bank.pay(payment)
    shopper.sees("Paid. Thank you!")
    shopper.reads("Invoice (PDF)")
    assert shopper.shop.bank.net(payment) == 2290


def test_the_bank_page_opens_at_once_and_leads_back_to_paid(shopper: Shopper):
    order = shopper.order_by_hand("mug-blue")
    shopper.choose(REDIRECT)
    shopper.page.wait_for_url(f"{shopper.shop.bank.url}/**")
    shopper.pay_at_the_bank()
    shopper.page.wait_for_url(f"{order}**")
    shopper.sees("Paid. Thank you!")
    assert len(shopper.shop.bank.ledger()) == 1


def test_a_card_is_paid_inside_the_frame(shopper: Shopper):
    payment = shopper.start(CARD)
    shopper.pay_card()
    shopper.sees("Paid. Thank you!")
    assert shopper.shop.bank.net(payment) == 2290


def test_a_declined_payment_says_so_and_the_next_one_pays(shopper: Shopper):
    first = shopper.start(QR)
    shopper.shop.bank.decline(first)
    shopper.sees("The payment was not made")
    shopper.reads("It is safe to try again.")
    before = set(shopper.references())
    shopper.choose(QR)
    shopper.sees("Pay now")
    second = shopper.new_reference(before)
    shopper.shop.bank.pay(second)
    shopper.sees("Paid. Thank you!")
    assert shopper.shop.bank.net(first, second) == 2290


def test_an_unknown_outcome_never_says_that_no_money_was_taken(shopper: Shopper):
    shopper.order()
    shopper.shop.bank.faults(error_before=1.0)
    shopper.choose(QR)
    shopper.sees("We are checking with your bank")
    expect(shopper.page.get_by_text("No money was taken")).to_have_count(0)
    shopper.shop.bank.faults()
    shopper.sees("Pay now")


def test_both_channels_paid_shows_what_is_kept_and_what_goes_back(shopper: Shopper):
    order = shopper.order()
    shopper.choose(REDIRECT)
    shopper.page.wait_for_url(f"{shopper.shop.bank.url}/**")
    first = shopper.references()[0]
    shopper.page.goto(order)
    shopper.choose(QR)
    shopper.reads("An earlier payment may still arrive")
    second = shopper.new_reference({first})
    shopper.shop.bank.pay(second)
    shopper.sees("Paid. Thank you!")
    shopper.shop.bank.pay(first)  # the bank's own page cannot be closed
    shopper.reads("You paid twice")
    shopper.reads("Kept: it pays this order.")
    shopper.reads("Sent back: €22.90")
    for reference in (first, second):
        shopper.reads(reference)
    assert shopper.shop.bank.net(first, second) == 2290


def test_the_order_can_be_had_as_a_pdf(shopper: Shopper):
    payment = shopper.start(QR)
    shopper.shop.bank.pay(payment)
    shopper.reads("Invoice (PDF)")
    address = shopper.page.get_by_role("link", name="Invoice (PDF)").get_attribute("href")
    answer = shopper.page.request.get(address or "")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.body().startswith(b"%PDF")


def test_a_cancelled_order_can_be_tried_again_without_typing(shopper: Shopper):
    shopper.order_by_hand()
    shopper.button("Cancel this order").click()
    shopper.sees("This order was not paid")
    shopper.reads("No money was taken for it.")
    shopper.button("Try again").click()
    shopper.page.wait_for_url("**/checkout/**")
    expect(shopper.page.get_by_label("Town or city")).to_have_value("Berlin")
    shopper.button("Continue to payment").click()
    shopper.sees("Review and pay")


def test_the_same_goods_again_show_the_first_order_until_the_shopper_insists(shopper: Shopper):
    first = shopper.order_by_hand()
    second = shopper.order_by_hand()
    assert second.split("?")[0] == first
    shopper.reads("You ordered the same things before")
    shopper.button("I want the same things once more").click()
    shopper.page.wait_for_function("first => location.href.split('?')[0] !== first", arg=first)
    shopper.sees("Review and pay")
