"""The pages of a client's people. They know the store by `services.tenant` only."""
