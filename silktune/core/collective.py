"""Workers that train one network together, each with its share of every global batch.

N images of the global batch, W workers; a worker computes n of the N rows.

Every worker gathers what the network says of all N images and computes every loss from that, so a loss, its N_M, its
pairs and its triplets are those of the global batch. Of the gathered rows only the worker's own carry a graph. The sum
of the workers' gradients is therefore the gradient of one process, for any loss; nothing is averaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

Value = TypeVar("Value")


class World(Protocol):
    """The workers of one training, as one of them sees them."""

    rank: int  # 0 … W − 1; the first one, 0, speaks for all
    size: int  # W

    def share(self, N: int) -> slice:
        """The rows of a global batch that this worker computes; never none."""

    def gather(self, own: Tensor, N: int) -> Tensor:
        """This worker's rows (n, …) → all rows (N, …), of which its own carry their graph."""

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add up the gradients of all workers, in place."""

    def from_first(self, value: Value) -> Value:
        """What the first worker has; the values of the others are not looked at."""

    def copy_first(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors with those of the first worker."""


class Alone:
    """One worker: the whole batch is its own."""

    rank, size = 0, 1

    def share(self, N: int) -> slice:
        return slice(0, N)

    def gather(self, own: Tensor, N: int) -> Tensor:
        return own

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Nothing to add."""

    def from_first(self, value: Value) -> Value:
        return value

    def copy_first(self, tensors: Iterable[Tensor]) -> None:
        """They are."""


ALONE = Alone()


class Group:
    """The workers of torch's default process group, which has been started (gloo on CPUs, nccl on GPUs).

    Where workers talk, a ConnectionError says that another one is gone.
    """

    def __init__(self) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def share(self, N: int) -> slice:
        """Neighbouring rows, as many for each worker as for any other, or one more.

        Of a batch smaller than W the last workers compute its first row once more; `gather` leaves that out.
        """
        first, last = self._bounds(N)[self.rank]
        return slice(first, last) if last > first else slice(0, 1)

    def _bounds(self, N: int) -> list[tuple[int, int]]:
        return [(rank * N // self.size, (rank + 1) * N // self.size) for rank in range(self.size)]

    def gather(self, own: Tensor, N: int) -> Tensor:
        counts = [last - first for first, last in self._bounds(N)]
        own = own[: counts[self.rank]]
        padded = own.new_zeros((max(counts), *own.shape[1:]))
        padded[: len(own)] = own.detach()
        parts = [torch.empty_like(padded) for _ in counts]
        with _talking():
            dist.all_gather(parts, padded)
        rows = [part[:count] for part, count in zip(parts, counts, strict=True)]
        rows[self.rank] = own
        return torch.cat(rows)

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        together = torch.cat([gradient.flatten() for gradient in gradients])
        with _talking():
            dist.all_reduce(together)
        summed = torch.split(together, [gradient.numel() for gradient in gradients])
        for gradient, whole in zip(gradients, summed, strict=True):
            gradient.copy_(whole.view_as(gradient))

    def from_first(self, value: Value) -> Value:
        values: list[Value] = [value]
        with _talking():
            dist.broadcast_object_list(values)
        return values[0]

    def copy_first(self, tensors: Iterable[Tensor]) -> None:
        with _talking():
            for tensor in tensors:
                dist.broadcast(tensor, 0)


@contextmanager
def _talking() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise ConnectionError(f"another worker of this training is gone ({error})") from error
