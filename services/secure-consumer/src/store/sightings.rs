//! Who was seen on which IBAN, by digests.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::domain::history::{Digest, Sighting};

/// Records sightings and counts the persons seen on the IBAN of each since an instant, that sighting's own included. Who
/// records one of the same IBAN meanwhile waits until the transaction ends, so that of two one sees the other.
pub async fn record(
    db: &mut PgConnection,
    sightings: &[&Sighting],
    now: DateTime<Utc>,
    since: DateTime<Utc>,
) -> Result<Vec<i64>, sqlx::Error> {
    lock(db, sightings).await?;
    forget_other_keys(db, sightings).await?;
    add(db, sightings, now).await?;
    count(db, sightings, since).await
}

async fn lock(db: &mut PgConnection, sightings: &[&Sighting]) -> Result<(), sqlx::Error> {
    // Of every key: replicas that have changed to another secret and those that have not must meet.
    let mut locks: Vec<i64> = sightings
        .iter()
        .flat_map(|sighting| {
            std::iter::once(&sighting.iban).chain(sighting.others.iter().map(|(iban, _)| iban))
        })
        .filter_map(|iban| iban.first_chunk().copied().map(i64::from_be_bytes))
        .collect();
    locks.sort_unstable();
    locks.dedup();
    sqlx::query!("SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS locked (key)", &locks)
        .fetch_all(db)
        .await
        .map(drop)
}

/// A person who was seen under another secret is from now on known under the current one.
async fn forget_other_keys(db: &mut PgConnection, sightings: &[&Sighting]) -> Result<(), sqlx::Error> {
    let (ibans, persons): (Vec<&[u8]>, Vec<&[u8]>) = sightings
        .iter()
        .flat_map(|sighting| &sighting.others)
        .map(|(iban, person)| (iban.as_slice(), person.as_slice()))
        .unzip();
    if ibans.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "DELETE FROM consumer.sightings s USING unnest($1::bytea[], $2::bytea[]) AS old (iban, person)
         WHERE s.iban = old.iban AND s.person = old.person",
        &ibans as &[&[u8]],
        &persons as &[&[u8]],
    )
    .execute(db)
    .await
    .map(drop)
}

async fn add(db: &mut PgConnection, sightings: &[&Sighting], now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    // The same twice in one statement would be a conflict with itself.
    let distinct: HashMap<(&Digest, &Digest), &Sighting> =
        sightings.iter().map(|sighting| ((&sighting.iban, &sighting.person), *sighting)).collect();
    let of = |read: fn(&Sighting) -> &[u8]| distinct.values().map(|it| read(it)).collect::<Vec<_>>();
    let optional = |read: fn(&Sighting) -> &Option<Digest>| {
        distinct.values().map(|it| read(it).as_ref().map(Digest::as_slice)).collect::<Vec<_>>()
    };
    sqlx::query!(
        "INSERT INTO consumer.sightings AS known (iban, person, email, phone, first_seen, last_seen)
         SELECT iban, person, email, phone, $5, $5
         FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bytea[]) AS new (iban, person, email, phone)
         ON CONFLICT (iban, person) DO UPDATE
         SET last_seen = greatest(known.last_seen, excluded.last_seen),
             email = coalesce(excluded.email, known.email), phone = coalesce(excluded.phone, known.phone)",
        &of(|sighting| &sighting.iban) as &[&[u8]],
        &of(|sighting| &sighting.person) as &[&[u8]],
        &optional(|sighting| &sighting.email) as &[Option<&[u8]>],
        &optional(|sighting| &sighting.phone) as &[Option<&[u8]>],
        now,
    )
    .execute(db)
    .await
    .map(drop)
}

async fn count(
    db: &mut PgConnection,
    sightings: &[&Sighting],
    since: DateTime<Utc>,
) -> Result<Vec<i64>, sqlx::Error> {
    let (mut places, mut ibans): (Vec<i32>, Vec<&[u8]>) = (Vec::new(), Vec::new());
    for (place, sighting) in (0..).zip(sightings) {
        for iban in std::iter::once(&sighting.iban).chain(sighting.others.iter().map(|(iban, _)| iban)) {
            places.push(place);
            ibans.push(iban);
        }
    }
    let rows = sqlx::query!(
        r#"SELECT asked.place AS "place!", count(*) AS "persons!"
           FROM unnest($1::int[], $2::bytea[]) AS asked (place, iban)
           JOIN consumer.sightings s ON s.iban = asked.iban AND s.last_seen >= $3
           GROUP BY asked.place"#,
        &places,
        &ibans as &[&[u8]],
        since,
    )
    .fetch_all(db)
    .await?;
    let mut persons = vec![0; sightings.len()];
    for row in rows {
        if let Some(count) = usize::try_from(row.place).ok().and_then(|place| persons.get_mut(place)) {
            *count = row.persons;
        }
    }
    Ok(persons)
}

/// Deletes who was last seen before an instant, some at a time; how many.
pub async fn delete_before(db: impl PgExecutor<'_>, instant: DateTime<Utc>) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query!(
        "DELETE FROM consumer.sightings WHERE (iban, person) IN
             (SELECT iban, person FROM consumer.sightings WHERE last_seen < $1 ORDER BY last_seen LIMIT 10000
              FOR UPDATE SKIP LOCKED)",
        instant
    )
    .execute(db)
    .await?;
    Ok(deleted.rows_affected())
}
