"""What records say of topics, as masks over the labels, and the loss of logits under them."""

import torch
from torch import nn

NEGATIVE = 0.3  # weight of labels that a news section does not mention


class Marks:
    """Masks [records, labels] and a weight for each record.

    `first`: the main topic, or those that a section stands for. `held`: topics of an article labelled in full. `some`: a
    section's, of which at least one holds. `absent`: how surely a label does not hold.
    """

    def __init__(self, records, names, device="cpu"):
        rows = [self.of(record, names) for record in records]
        self.first, self.held, self.some, self.absent = (torch.tensor([row[i] for row in rows], device=device) for i in range(4))
        self.weight = torch.tensor([record.get("weight", 1.0) for record in records], dtype=torch.float32, device=device)

    @staticmethod
    def of(record, names):
        labels = [t["label"] for t in record.get("topics", [])]
        section = [] if "topics" in record else record.get("topics_any") or []
        if "topics" in record:
            absent = [float(name not in labels) for name in names]
        elif section:
            absent = [NEGATIVE * (name not in section) for name in names]
        else:
            absent = [float(name in record["topics_none"]) for name in names]
        return [name in (labels[:1] or section) for name in names], [name in labels for name in names], [name in section for name in names], absent

    def rows(self, places):
        """These marks for some of the records."""
        out = object.__new__(Marks)
        out.__dict__ = {name: mask[places] for name, mask in self.__dict__.items()}
        return out

    def loss(self, logits):
        """[records], weighted: the main topic before all others, and each label by itself as far as it is known."""
        no, yes = nn.functional.softplus(logits), nn.functional.softplus(-logits)
        ahead = -logits.log_softmax(-1).masked_fill(~self.first, -1e9).logsumexp(-1)
        each = (yes * self.held).sum(-1) + (no * self.absent).sum(-1)
        none = -(no * self.some).sum(-1)  # log-probability that no label of the section holds
        some = -torch.log(-torch.expm1(none - 1e-6))
        return (torch.where(self.first.any(-1), ahead, 0.0) + each + torch.where(self.some.any(-1), some, 0.0)) * self.weight

    def right(self, logits):
        """[records]: whether the highest logit is a main topic."""
        return self.first.gather(1, logits.argmax(-1, keepdim=True))[:, 0]
