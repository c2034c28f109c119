"""What the whole-system tests share: tools, brokers, stores and processes."""
