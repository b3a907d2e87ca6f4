"""The whole purchase with scripts switched off."""

from playwright.sync_api import expect

from tests.browser.shopper import CARD, QR, REDIRECT, Shopper


def test_a_code_is_paid_by_the_button_that_asks_now(shopper_without_scripts: Shopper):
    ada = shopper_without_scripts
    payment = ada.start(QR)
    expect(ada.page.locator("svg[role=img]")).to_be_visible()
    ada.button("I have paid").click()
    ada.reads("Your bank has not confirmed it yet")
    ada.shop.bank.faults(lose_notification=1.0)
    ada.shop.bank.pay(payment)
    ada.button("I have paid").click()
    ada.sees("Paid. Thank you!")
    assert ada.shop.bank.net(payment) == 2290


def test_back_from_the_bank_the_page_refreshes_until_it_knows(shopper_without_scripts: Shopper):
    ada = shopper_without_scripts
    order = ada.order()
    ada.choose(REDIRECT)
    ada.page.wait_for_url(f"{ada.shop.bank.url}/**")
    ada.page.goto(f"{order}back/")
    ada.sees("We are checking with your bank")
    ada.shop.bank.pay(ada.references()[0])
    ada.sees("Paid. Thank you!")


def test_a_card_is_paid_in_the_frame(shopper_without_scripts: Shopper):
    ada = shopper_without_scripts
    payment = ada.start(CARD)
    ada.pay_card()
    expect(ada.page.frame_locator("iframe").get_by_text("paid").first).to_be_visible()
    ada.button("I have paid").click()
    ada.sees("Paid. Thank you!")
    assert ada.shop.bank.net(payment) == 2290


def test_a_card_is_paid_on_the_forms_own_page(shopper_without_scripts: Shopper):
    ada = shopper_without_scripts
    ada.start(CARD)
    ada.page.get_by_role("link", name="Open it on its own page").click()
    ada.page.wait_for_url(f"{ada.shop.bank.url}/card/**")
    ada.button("Pay EUR").click()
    ada.page.get_by_role("link").first.click()
    ada.sees("Paid. Thank you!")


def test_the_method_is_switched(shopper_without_scripts: Shopper):
    ada = shopper_without_scripts
    first = ada.start(QR)
    ada.choose(CARD)
    expect(ada.page.locator("iframe")).to_be_visible()
    assert ada.shop.bank.pay(first).status_code == 409


def test_the_basket_is_changed(shopper_without_scripts: Shopper):
    ada = shopper_without_scripts
    ada.add("mug-blue")
    ada.page.get_by_label("Quantity").fill("3")
    ada.button("Change").click()
    ada.reads("€58.90")
    ada.button("Remove").click()
    ada.sees("Your basket is empty")


def test_a_wrong_form_says_what_to_do_and_keeps_what_was_typed(shopper_without_scripts: Shopper):
    ada = shopper_without_scripts
    ada.add()
    ada.fill_in_details()
    ada.page.get_by_label("E-mail").fill("ada at example")
    ada.button("Continue to payment").click()
    ada.reads("There is a problem")
    expect(ada.page.locator(".error-summary")).to_be_focused()
    ada.page.get_by_role("link", name="Enter an e-mail address like").click()
    expect(ada.page.get_by_label("E-mail")).to_be_focused()
    expect(ada.page.get_by_label("Name", exact=True)).to_have_value("Ada Lovelace")


def test_currency_and_language_are_chosen(shopper_without_scripts: Shopper):
    ada = shopper_without_scripts
    ada.page.goto("/")
    ada.page.get_by_label("Prices in").select_option("JPY")
    ada.button("Show").click()
    ada.reads("¥2,980")
    ada.button("Deutsch").click()
    ada.sees("Gute Dinge für ein ruhiges Zuhause")
    expect(ada.page.locator("html")).to_have_attribute("lang", "de")
