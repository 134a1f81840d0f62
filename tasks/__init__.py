"""Prefect tasks: thin adapters around ftcore with the policy of retries, reuse, tracking and logging."""
