"""The rows of operations and batches, and who may write them."""
