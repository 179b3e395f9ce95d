//! Fits the weights to past collections: logistic regression whose prior is the table in force.

use super::outcome::{Outcome, TABLE, Weights};

/// What a past collection's end says of whether it was genuine (reason codes of R-transactions, EPC SEPA Direct Debit
/// rulebooks and ISO 20022 external code sets).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Paid, and not given back.
    Genuine,
    /// Account, person or mandate was not what it was said to be.
    NotGenuine,
    /// Says nothing of it: no money, a duplicate, a technical fault.
    Unclear,
}

impl End {
    /// Of a reason code; none means that the collection was paid. `None` for a code that is not known.
    pub fn of(code: Option<&str>) -> Option<Self> {
        Some(match code.map(str::trim).unwrap_or_default() {
            "" => Self::Genuine,
            // Wrong, closed, a consumer's; not the customer; fraud; no mandate; deceased; account or name missing.
            "AC01" | "AC04" | "AC13" | "BE01" | "FR01" | "MD01" | "MD07" | "RR01" | "RR02" => {
                Self::NotGenuine
            }
            "AC06" | "AG01" | "AG02" | "AM04" | "AM05" | "BE05" | "CNOR" | "DNOR" | "DT01" | "ED05"
            | "FF01" | "FF05" | "MD02" | "MD06" | "MS02" | "MS03" | "RC01" | "RR03" | "RR04" | "SL01"
            | "TM01" => Self::Unclear,
            _ => return None,
        })
    }
}

/// A past collection.
#[derive(Debug, Clone)]
pub struct Example {
    /// How the checks came out.
    pub outcomes: Vec<Outcome>,
    /// Whether it was genuine.
    pub genuine: bool,
}

/// How much the prior holds: as many observations of an outcome move its weight half-way.
const PRIOR: f64 = 4.0;
const ITERATIONS: usize = 50;
const ENOUGH: f64 = 1e-9;

/// Weights for the outcomes, in the order of [`TABLE`]: those most likely after the examples, of each check in the order
/// of its outcomes. Outcomes that no example has keep theirs.
pub fn fit(examples: &[Example], prior: &Weights) -> [f64; TABLE.len()] {
    let before = TABLE.map(|row| prior.of(row.outcome).weight);
    let mut weights = before;
    for _ in 0..ITERATIONS {
        let mut gradient = [0.0; TABLE.len()];
        let mut curvature = vec![[0.0; TABLE.len()]; TABLE.len()];
        for at in 0..TABLE.len() {
            gradient[at] = PRIOR / 4.0 * (before[at] - weights[at]);
            curvature[at][at] = PRIOR / 4.0;
        }
        for example in examples {
            let likely = sigmoid(example.outcomes.iter().map(|it| weights[*it as usize]).sum());
            let error = f64::from(u8::from(example.genuine)) - likely;
            for one in &example.outcomes {
                gradient[*one as usize] += error;
                for other in &example.outcomes {
                    curvature[*one as usize][*other as usize] += likely * (1.0 - likely);
                }
            }
        }
        let step = solved(curvature, gradient);
        for (weight, step) in weights.iter_mut().zip(step) {
            *weight += step.clamp(-2.0, 2.0);
        }
        if step.iter().all(|step| step.abs() < ENOUGH) {
            break;
        }
    }
    ordered(weights, examples)
}

fn sigmoid(sum: f64) -> f64 {
    1.0 / (1.0 + (-sum).exp())
}

/// Gauss–Jordan; the matrix is positive definite, so its diagonal is never zero.
fn solved<const N: usize>(mut matrix: Vec<[f64; N]>, mut right: [f64; N]) -> [f64; N] {
    for pivot in 0..N {
        let row = matrix[pivot];
        for other in (0..N).filter(|other| *other != pivot) {
            let factor = matrix[other][pivot] / row[pivot];
            if factor != 0.0 {
                for (value, pivot) in matrix[other].iter_mut().zip(row) {
                    *value -= factor * pivot;
                }
                right[other] -= factor * right[pivot];
            }
        }
    }
    std::array::from_fn(|at| right[at] / matrix[at][at])
}

/// A better outcome must not weigh less than a worse one: where few examples say otherwise, both weigh their mean.
fn ordered(mut weights: [f64; TABLE.len()], examples: &[Example]) -> [f64; TABLE.len()] {
    let mut counts = [1.0; TABLE.len()];
    for outcome in examples.iter().flat_map(|example| &example.outcomes) {
        counts[*outcome as usize] += 1.0;
    }
    let mut from = 0;
    while let Some(row) = TABLE.get(from) {
        let until = from + TABLE[from..].iter().take_while(|other| other.check == row.check).count();
        let values: Vec<(f64, f64)> = (from..until).rev().map(|at| (weights[at], counts[at])).collect();
        for (at, value) in (from..until).rev().zip(isotonic(&values)) {
            weights[at] = value;
        }
        from = until;
    }
    weights
}

/// The ascending sequence nearest to values with their weights (pool adjacent violators).
pub fn isotonic(values: &[(f64, f64)]) -> Vec<f64> {
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for (value, weight) in values {
        let mut pool = (*value, *weight, 1);
        while let Some((before, heavy, count)) = pools.pop_if(|(before, ..)| *before > pool.0) {
            let total = heavy + pool.1;
            pool = ((before * heavy + pool.0 * pool.1) / total, total, count + pool.2);
        }
        pools.push(pool);
    }
    pools.into_iter().flat_map(|(value, _, count)| std::iter::repeat_n(value, count)).collect()
}

/// How good predictions are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Mean squared error of the probability: 0 is perfect, a constant half is 0.25.
    pub brier: f64,
    /// How often a genuine collection scores above one that was not: 1 is perfect, 0.5 is chance.
    pub auc: f64,
}

/// Of predictions, each with whether it was genuine.
pub fn quality(predictions: &[(f64, bool)]) -> Quality {
    let squared =
        predictions.iter().map(|(likely, genuine)| (likely - f64::from(u8::from(*genuine))).powi(2));
    let brier = squared.sum::<f64>() / predictions.len().max(1) as f64;
    let mut sorted = predictions.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    // By ranks, equal predictions sharing theirs (Mann–Whitney).
    let (mut ranks, mut genuine, mut from) = (0.0, 0.0, 0);
    while let Some((value, _)) = sorted.get(from) {
        let until = from + sorted[from..].iter().take_while(|(other, _)| other == value).count();
        let rank = (from + until + 1) as f64 / 2.0;
        let here = sorted[from..until].iter().filter(|(_, genuine)| *genuine).count() as f64;
        ranks += rank * here;
        genuine += here;
        from = until;
    }
    let other = sorted.len() as f64 - genuine;
    let auc = if genuine == 0.0 || other == 0.0 {
        0.5
    } else {
        (ranks - genuine * (genuine + 1.0) / 2.0) / (genuine * other)
    };
    Quality { brier, auc }
}

/// How likely weights say that an example is genuine.
pub fn likely(outcomes: &[Outcome], weights: &[f64; TABLE.len()]) -> f64 {
    sigmoid(outcomes.iter().map(|outcome| weights[*outcome as usize]).sum())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn examples(outcome: Outcome, genuine: usize, not: usize) -> Vec<Example> {
        let example = |genuine| Example { outcomes: vec![outcome], genuine };
        std::iter::repeat_n(example(true), genuine).chain(std::iter::repeat_n(example(false), not)).collect()
    }

    #[test]
    fn many_examples_outweigh_the_prior_and_none_leave_it() {
        let prior = Weights::default();
        let fitted = fit(&examples(Outcome::PhoneInvalid, 100, 900), &prior);
        assert!((likely(&[Outcome::PhoneInvalid], &fitted) - 0.1).abs() < 0.01);
        assert_eq!(fitted[Outcome::PayeeMatch as usize], prior.of(Outcome::PayeeMatch).weight);
        let fitted = fit(&examples(Outcome::PhoneInvalid, 0, 1), &prior);
        assert!(
            (fitted[Outcome::PhoneInvalid as usize] - prior.of(Outcome::PhoneInvalid).weight).abs() < 0.3
        );
    }

    #[test]
    fn what_is_fitted_keeps_the_order_of_outcomes() {
        let mut upside_down = examples(Outcome::PayeeMatch, 0, 50);
        upside_down.extend(examples(Outcome::PayeeClose, 50, 0));
        let fitted = fit(&upside_down, &Weights::default());
        for pair in TABLE.windows(2).filter(|pair| pair[0].check == pair[1].check) {
            let [better, worse] = [pair[0], pair[1]].map(|row| fitted[row.outcome as usize]);
            assert!(better >= worse, "{} {}", pair[0].check, pair[0].name);
        }
    }

    #[test]
    fn the_auc_counts_pairs_in_the_right_order() {
        assert_eq!(quality(&[(0.9, true), (0.1, false)]).auc, 1.0);
        assert_eq!(quality(&[(0.5, true), (0.5, false)]).auc, 0.5);
        assert_eq!(quality(&[(0.2, true), (0.8, false)]).auc, 0.0);
    }

    #[test]
    fn a_reason_code_says_whether_it_was_genuine() {
        assert_eq!(End::of(None), Some(End::Genuine));
        assert_eq!(End::of(Some("MD01")), Some(End::NotGenuine));
        assert_eq!(End::of(Some("AM04")), Some(End::Unclear));
        assert_eq!(End::of(Some("XX99")), None);
    }

    proptest! {
        #[test]
        fn an_isotonic_sequence_ascends_and_keeps_the_mean(values in prop::collection::vec(0.0..1.0, 1..50)) {
            let weighted: Vec<(f64, f64)> = values.iter().map(|value| (*value, 1.0)).collect();
            let fitted = isotonic(&weighted);
            prop_assert!(fitted.is_sorted());
            prop_assert!((fitted.iter().sum::<f64>() - values.iter().sum::<f64>()).abs() < 1e-9);
        }
    }
}
