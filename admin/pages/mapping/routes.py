"""Routes of the pages about mappings."""

from __future__ import annotations

from admin.pages.mapping import after_confirm, bulk, code, confirm, item, lists, table, upload

ROUTES = [
    lists.mapping_page,
    lists.figures,
    code.code_page,
    bulk.bulk_line,
    bulk.bulk_page,
    bulk.confirm_bulk,
    item.item_page,
    item.offers,
    item.choice,
    confirm.confirm_code,
    confirm.remove_code,
    upload.files_page,
    upload.sample,
    upload.preview_items,
    upload.store_items,
    table.export_mappings,
    table.preview_mappings,
    table.import_mappings,
    after_confirm.resend_outdated,
]
