from tests.tracking.samples import runs, template

__all__ = ["runs", "template"]
