"""Every equation again, as it is printed, in plain loops: what the fast code is compared with.

Arguments are nested lists or arrays that are indexed, never computed with as a whole.
N images, M variables, K classes of a variable; label −1 is unknown, background[m] is the background label of
variable m or −1. P23: Dorozynski 2023; P22: Dorozynski and Rottensteiner 2022.
"""

from __future__ import annotations

import colorsys
import math
from fractions import Fraction

UNKNOWN = -1


# ---------------------------------------------------------------------------- similarity


def count_equal(labels, i, o, background):
    """In how many variables i and o are known and equal: M·Y^io of P23 Eq. (6)."""
    count = 0
    for m in range(len(labels[i])):
        if comparable(labels, i, o, m, background) and labels[i][m] == labels[o][m]:
            count += 1
    return count


def count_not_comparable(labels, i, o, background):
    """In how many variables i and o cannot be compared: M·u^io of P23 Eq. (6)."""
    count = 0
    for m in range(len(labels[i])):
        if not comparable(labels, i, o, m, background):
            count += 1
    return count


def comparable(labels, i, o, m, background):
    """Two backgrounds may be two different rare classes, so they are not comparable (ours)."""
    if labels[i][m] == UNKNOWN or labels[o][m] == UNKNOWN:
        return False
    return not (labels[i][m] == background[m] and labels[o][m] == background[m])


def semantic_similarity(labels, background):
    """Y and u of P23 Eq. (6)."""
    N, M = len(labels), len(labels[0])
    Y = [[count_equal(labels, i, o, background) / M for o in range(N)] for i in range(N)]
    u = [[count_not_comparable(labels, i, o, background) / M for o in range(N)] for i in range(N)]
    return Y, u


def colour_similarity(descriptors):
    """ρ of P23 Eq. (7)."""
    return [[correlation(h_i, h_o) for h_o in descriptors] for h_i in descriptors]


def correlation(a, b):
    """The normalised cross-correlation, 0 if one of them is constant (ours)."""
    if min(a) == max(a) or min(b) == max(b):
        return 0.0
    mean_a, mean_b = math.fsum(a) / len(a), math.fsum(b) / len(b)
    above = math.fsum((a[j] - mean_a) * (b[j] - mean_b) for j in range(len(a)))
    below_a = math.fsum((a[j] - mean_a) ** 2 for j in range(len(a)))
    below_b = math.fsum((b[j] - mean_b) ** 2 for j in range(len(b)))
    return above / math.sqrt(below_a) / math.sqrt(below_b)


def colour_descriptor(image, r=5):
    """The r·r counts h of P23 §3.2, row by row, for an RGB image of bytes that is 224 × 224 already."""
    h = [0] * (r * r)
    for row in image:
        for R, G, B in row:
            H, S, _ = colorsys.rgb_to_hsv(int(R) / 255, int(G) / 255, int(B) / 255)
            x = r / 2 * (1 + S * math.cos(2 * math.pi * H))
            y = r / 2 * (1 + S * math.sin(2 * math.pi * H))
            h[min(int(y), r - 1) * r + min(int(x), r - 1)] += 1
    return h


# ---------------------------------------------------------------------------- losses


def distance(a, b):
    """Δ, Euclidean and not squared."""
    return math.sqrt(math.fsum((a[j] - b[j]) ** 2 for j in range(len(a))))


def classification_loss(logits, labels, gamma, shares=None, tau=0.0, weights=None, equal=False):
    """L_C of P23 Eq. (2) to (4); logits[m][i][k].

    With shares[m][k] = π_k the logits are adjusted by τ·ln π_k (Menon et al. 2021), with weights[m][k] classes weigh
    differently (Cui et al. 2019); with `equal` the mean is over the variables that have a label, not over the labels.
    """
    terms = [[] for _ in logits]
    for i in range(len(labels)):
        for m in range(len(labels[i])):
            if labels[i][m] == UNKNOWN:
                continue
            a = list(logits[m][i])
            if shares:
                a = [a[k] + tau * math.log(shares[m][k]) for k in range(len(a))]
            shift = max(a)
            exponentials = [math.exp(a_k - shift) for a_k in a]
            y = exponentials[labels[i][m]] / math.fsum(exponentials)
            w = weights[m][labels[i][m]] if weights else 1.0
            terms[m].append(-w * ((1 - y) ** gamma) * math.log(y))
    if equal:
        return mean([math.fsum(of_m) / len(of_m) for of_m in terms if of_m]) or 0.0
    together = [term for of_m in terms for term in of_m]
    return math.fsum(together) / len(together) if together else 0.0


def effective_weights(counts, beta):
    """Class weights by the effective number of images (Cui et al. 2019, Eq. (2)), their mean 1."""
    weights = []
    for n in counts:
        effective_number = math.fsum(beta**j for j in range(n))  # 1 + β + … + β^(n−1) = (1 − β^n)/(1 − β)
        weights.append(1 / effective_number)
    return [weight * len(weights) / math.fsum(weights) for weight in weights]


def semantic_loss(f, labels, background, over="all"):
    """L_sem of P23 Eq. (6)."""
    terms = []
    for i, p, n, margin in valid_triplets(labels, background, over):
        terms.append(max(float(margin) + distance(f[i], f[p]) - distance(f[i], f[n]), 0.0))
    return math.fsum(terms) / len(terms) if terms else 0.0


def valid_triplets(labels, background, over="all"):
    """Every i, p, n with its margin M_ipn of P23 Eq. (6) that is positive, as a fraction."""
    N = len(labels)
    triplets = []
    for i in range(N):
        for p in range(N):
            for n in range(N):
                if i in (p, n) or p == n:
                    continue
                margin = semantic_margin(labels, i, p, n, background, over)
                if margin > 0:
                    triplets.append((i, p, n, margin))
    return triplets


def semantic_margin(labels, i, p, n, background, over):
    """M_ipn = Y^ip − (Y^in + u^in) over all variables; or over those comparable for each pair (ours), 0 without any."""
    M = len(labels[0])
    if over == "all":
        Y_ip = Fraction(count_equal(labels, i, p, background), M)
        Y_in = Fraction(count_equal(labels, i, n, background), M)
        u_in = Fraction(count_not_comparable(labels, i, n, background), M)
        return Y_ip - (Y_in + u_in)
    of_p = M - count_not_comparable(labels, i, p, background)
    of_n = M - count_not_comparable(labels, i, n, background)
    if of_p == 0 or of_n == 0:
        return Fraction(0)
    return Fraction(count_equal(labels, i, p, background), of_p) - Fraction(count_equal(labels, i, n, background), of_n)


def colour_loss(f, rho):
    """L_co of P23 Eq. (7)."""
    N = len(f)
    terms = [abs(distance(f[i], f[o]) - (1 - rho[i][o])) for i in range(N) for o in range(N) if i != o]
    return math.fsum(terms) / len(terms) if terms else 0.0


def self_similarity_loss(f, f_augmented):
    """L_slf of P23 Eq. (8)."""
    return math.fsum(distance(f[i], f_augmented[i]) for i in range(len(f))) / len(f)


def combined_loss(*, C, sem, co, slf, lambda_C, lambda_aux, alpha_sem, alpha_co, alpha_slf):
    """L of P23 Eq. (1) and (5)."""
    aux = alpha_sem * sem + alpha_co * co + alpha_slf * slf
    return lambda_C * C + lambda_aux * aux


# ---------------------------------------------------------------------------- classes and metrics


def class_statistics(counts):
    """K, number of under-represented classes, IR and BD (P23 Table 2, P22 Table 2).

    BD is d(ζ, e) / d(τ, e), d the total variation distance, d(τ, e) = m/K for m under-represented classes.
    """
    K, total = len(counts), sum(counts)
    minority = 0
    for count in counts:
        if count * K < total:  # ζ < 1/K in whole numbers
            minority += 1
    d = 0.5 * math.fsum(abs(count / total - 1 / K) for count in counts)
    return K, minority, max(counts) / min(counts), d / (minority / K) if minority else 0.0


def metrics(labels, predictions, counts, background):
    """P23 §5.1: each variable's F1, F1 with background, F1 of minority classes and OA; and their means.

    counts[m][k] is the number of images of class k in the whole data set; background[m] the number of
    background labels, whose class id is K_m. What is not defined is None.
    """
    variables = []
    for m in range(len(counts)):
        K = len(counts[m])
        pairs = [(labels[i][m], predictions[i][m]) for i in range(len(labels)) if labels[i][m] != UNKNOWN]
        f1 = [f1_score(pairs, k) for k in range(K + 1 if background[m] else K)]
        rare = [f1[k] for k in range(K) if counts[m][k] * K < sum(counts[m])]
        correct = [1.0 if truth == predicted else 0.0 for truth, predicted in pairs]
        variables.append(
            {
                "f1": mean(f1[:K]),
                "f1_with_background": mean(f1),
                "f1_minority": mean(rare),
                "OA": mean(correct),
            }
        )
    names = ("f1", "f1_with_background", "f1_minority", "OA")
    return variables, {name: mean([variable[name] for variable in variables]) for name in names}


def f1_score(pairs, k):
    """2·precision·recall / (precision + recall) of class k; None if no image has the label k."""
    true_positive = sum(1 for truth, predicted in pairs if truth == k and predicted == k)
    labelled = sum(1 for truth, _ in pairs if truth == k)
    predicted_as = sum(1 for _, predicted in pairs if predicted == k)
    if labelled == 0:
        return None
    if true_positive == 0:
        return 0.0
    precision, recall = true_positive / predicted_as, true_positive / labelled
    return 2 * precision * recall / (precision + recall)


def mean(figures):
    defined = [figure for figure in figures if figure is not None]
    return math.fsum(defined) / len(defined) if defined else None


# ---------------------------------------------------------------------------- batches and augmentation


def largest_balanced_batch(counts):
    """N_min·K of P22 Eq. (5)."""
    N_min = counts[0]
    for count in counts:
        N_min = min(N_min, count)
    return N_min * len(counts)


def tint(rgb, hue, saturation):
    """A pixel with `hue` added to its H and its S times `saturation`; all in [0, 1]."""
    H, S, V = colorsys.rgb_to_hsv(*rgb)
    return colorsys.hsv_to_rgb((H + hue) % 1.0, S * saturation, V)
