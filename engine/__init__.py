"""The engine: how anything is sent. It knows no upstream, no clinic and no page.

Configuration becomes specs: source -> templates -> specs -> catalog. A record becomes a delivery: intake -> outbox ->
sending -> adapters; limits hold it back, settle writes its outcome, mapping and code_lists supply the codes that it
waits for. inbound takes calls from outside, sources reads clinics' databases, subscribers tells their systems of
deliveries; queries, jobs, corrections, alerts and maintenance look after what is stored.
"""
