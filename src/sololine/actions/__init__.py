"""The verbs behind every door: plain functions over a `Gateway`, one transaction per fact."""
