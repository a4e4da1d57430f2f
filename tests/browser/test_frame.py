"""The frame in a browser: a menu that folds and stays so, a drawer on the phone, one width, one line above the page."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from bench.places import page_addresses
from bench.site import Installation
from tests.browser.watch import PageWatch

DESKTOP, PHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844}
HOME = "/integrasi/satusehat"
FOLDED_PX, OPEN_PX = 64, 240
HEADER_PX = 48
# Left edge and width of the content, height of the header, number of current entries of the menu.
MEASURES = """() => {
    const content = document.querySelector("main").getBoundingClientRect();
    const header = document.querySelector(".header").getBoundingClientRect();
    const current = document.querySelectorAll(".sidebar [aria-current]").length;
    return [content.left, content.width, header.height, current];
}"""


def width_of_sidebar(page: Page) -> float:
    box = page.locator(".sidebar").bounding_box()
    assert box is not None
    return box["width"]


def test_a_folded_menu_stays_folded_from_the_first_paint(page: Page, watch: PageWatch) -> None:
    watch.expect("panel.js|ERR_FAILED")
    page.set_viewport_size(DESKTOP)
    page.goto(HOME)
    assert width_of_sidebar(page) == OPEN_PX
    page.get_by_role("button", name="Ciutkan menu").click()
    assert width_of_sidebar(page) == FOLDED_PX
    # Without the deferred scripts: what stands before they run is what is painted first.
    page.route("**/panel.js", lambda route: route.abort())
    page.goto("/kesehatan")
    assert width_of_sidebar(page) == FOLDED_PX
    expect(page.get_by_role("link", name="Status sistem").first).to_have_attribute("aria-current", "page")
    page.unroute("**/panel.js")
    page.reload()
    page.get_by_role("button", name="Bentangkan menu").click()
    assert width_of_sidebar(page) == OPEN_PX


def test_the_menu_is_a_drawer_on_a_phone(page: Page) -> None:
    page.set_viewport_size(PHONE)
    page.goto(HOME)
    entry = page.get_by_role("link", name="Monitoring")
    expect(entry).to_be_hidden()
    page.get_by_role("button", name="Menu", exact=True).click()
    expect(entry).to_be_visible()
    page.keyboard.press("Escape")
    expect(entry).to_be_hidden()
    expect(page.get_by_role("button", name="Menu", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    entry.click()
    expect(page.get_by_role("heading", level=1, name="Tambah Antrean")).to_be_visible()


def test_all_pages_have_one_width_one_header_and_one_current_entry(page: Page, installation: Installation) -> None:
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)
        measured = {}
        for name, address in page_addresses(installation).items():
            page.goto(address)
            *sizes, current = page.evaluate(MEASURES)
            # The own account is opened from its menu in the header, not from the sidebar.
            measured[name] = (*sizes, current + (name == "account"))
        usual = max(set(measured.values()), key=list(measured.values()).count)
        assert {name: sizes for name, sizes in measured.items() if sizes != usual} == {}
        _, _, height, current = usual
        assert (height, current) == (HEADER_PX, 1)


def test_the_sign_in_the_header_opens_to_its_facts(page: Page) -> None:
    page.goto(HOME)
    facts = page.get_by_text("Satu Sehat lancar")
    expect(facts).to_be_hidden()
    page.locator("summary", has_text="DEMO").click()
    expect(facts).to_be_visible()
    with page.expect_response("**/strip/satusehat"):
        page.wait_for_load_state()
    expect(facts).to_be_visible()
    page.keyboard.press("Escape")
    expect(facts).to_be_hidden()


def test_an_unknown_address_keeps_the_menu(page: Page, watch: PageWatch) -> None:
    watch.expect("404")
    page.goto("/tidak-ada")
    expect(page.get_by_text("Halaman ini tidak ada.")).to_be_visible()
    page.get_by_role("link", name="Proses massal").click()
    expect(page).to_have_url(f"{page.url.partition('/pekerjaan')[0]}/pekerjaan")


def test_a_wrong_password_keeps_the_name_and_the_eye_shows_what_was_typed(
    browser: Browser, installation: Installation
) -> None:
    context = browser.new_context(base_url=installation.address)
    page = context.new_page()
    page.goto("/login")
    page.get_by_label("Nama pengguna").fill("sari")
    page.locator("#password").fill("salah")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Nama pengguna")).to_have_value("sari")
    expect(page.locator("#password")).to_be_focused()
    page.keyboard.type("terlihat")
    page.get_by_role("button", name="Tampilkan kata sandi").click()
    expect(page.locator("#password")).to_have_attribute("type", "text")
    context.close()
