"""What may be done: tiers, policy, requests, decisions."""
