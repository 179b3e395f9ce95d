//! A full round at level TRACE; then everything that the service wrote, sent or showed is searched for what it must
//! not hold: phone numbers, tokens, passwords and other secrets, usernames, payment ids.

use anyhow::{Context, Result, ensure};
use end_to_end::{Answer, OPERATOR, Stack};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use testkit::peers::Collector;
use testkit::statements::{Params, Sample};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CORRELATION_ID: &str = "0192f0c1-2345-7abc-8def-0123456789ab";
const USER: &str = "mariam.bakayoko-5571";
const USER_PASSWORD: &str = "neuf-pirogues-sur-la-lagune";
const WRONG_PASSWORD: &str = "dix-pirogues-sur-la-lagune";
const TELEPHONE: &str = "0759310001";
const WHATSAPP: &str = "+225 05 59 31 00 02";
const STAFF_NUMBER: &str = "MAT-559310";
/// In bodies that are refused.
const REFUSED_PHONE: &str = "0759310003";
/// In paths, queries and headers.
const STRAY_PHONE: &str = "0759310004";
const STRAY_TOKEN: &str = "ZXlKc3RyYXkudG9rZW4uc2VjcmV0";
/// In the database's own error messages.
const QUOTED_PHONE: &str = "0759310005";

/// What must be found nowhere, and what it is.
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn keep(&mut self, what: &'static str, value: impl Into<String>) {
        self.0.push((what, value.into()));
    }

    /// Keeps the tokens of an answer.
    fn keep_tokens(&mut self, tokens: &Value) -> Result<(String, String)> {
        let text = |name: &str| tokens[name].as_str().map(str::to_owned).with_context(|| tokens.to_string());
        let (access, refresh) = (text("access_token")?, text("refresh_token")?);
        self.keep("access token", &access);
        self.keep("signature", access.rsplit('.').next().context("no JWT")?);
        self.keep("refresh token", &refresh);
        Ok((access, refresh))
    }

    fn in_text<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a (&'static str, String)> {
        self.0.iter().filter(|(_, secret)| text.contains(secret.as_str()))
    }
}

async fn expect(request: RequestBuilder, status: StatusCode) -> Result<Value> {
    Answer::to(request.header("Correlationid", CORRELATION_ID)).await?.expect(status)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_round_at_trace_level_leaves_nothing_personal_behind() -> Result<()> {
    let collector = Collector::start().await;
    let mut stack = Stack::start(&[
        ("TELEMETRY__LEVEL", "trace"),
        ("TELEMETRY__OTLP_ENDPOINT", &collector.endpoint()),
        ("IDENTITY__REGISTRATION", "true"),
    ])
    .await?;
    let mut secrets = Secrets(Vec::new());
    for (what, value) in [
        ("username", USER),
        ("username", end_to_end::USERNAME),
        ("password", USER_PASSWORD),
        ("password", end_to_end::PASSWORD),
        ("wrong password", WRONG_PASSWORD),
        ("phone", TELEPHONE),
        ("phone", WHATSAPP),
        ("staff number", STAFF_NUMBER),
        ("phone in a refused body", REFUSED_PHONE),
        ("phone in a path", STRAY_PHONE),
        ("phone in a database error", QUOTED_PHONE),
        ("token in a query", STRAY_TOKEN),
        ("client secret", &stack.client.1),
    ] {
        secrets.keep(what, value);
    }

    let token = signing_in(&stack, &mut secrets).await?;
    applications(&stack, &token, &mut secrets).await?;
    reconciliations(&stack, &token, &mut secrets).await?;
    strangers(&stack).await?;
    broken_database(&stack, &token).await?;

    let metrics = stack.http.get(format!("{}/metrics", stack.replica.management_url));
    let metrics = Answer::to(metrics).await?.text;
    let exit = stack.replica.process.terminate().await?;
    ensure!(exit.status.success(), "{}", exit.status);
    let received = async |path| -> Result<String> {
        Ok(String::from_utf8_lossy(&collector.received(path).await?).into_owned())
    };
    let gateway_log = std::fs::read(stack.directory.path().join("envoy.log"))?;
    let places = [
        (
            "log",
            stack.replica.process.log()?,
            ["request served", CORRELATION_ID, "request failed", "job put back"].as_slice(),
        ),
        ("traces", received("/v1/traces").await?, &["POST /authentication/token", CORRELATION_ID]),
        (
            "exported metrics",
            received("/v1/metrics").await?,
            &["http.server.request.duration", "/transactions"],
        ),
        ("/metrics", metrics, &["http_server_request_duration", "unmatched"]),
        ("gateway's log", String::from_utf8_lossy(&gateway_log).into_owned(), &[]),
    ];
    for (place, text, markers) in &places {
        // The search must be able to find: these do belong there.
        for marker in *markers {
            ensure!(text.contains(marker), "{place} lacks {marker}: {text:.4000}");
        }
        let found: Vec<_> = secrets.in_text(text).collect();
        let lines: Vec<_> =
            text.lines().filter(|line| secrets.in_text(line).next().is_some()).take(3).collect();
        ensure!(found.is_empty(), "{place} holds {found:?}: {lines:#?}");
    }
    let sizes = places.map(|(place, text, _)| format!("{place} {} bytes", text.len()));
    println!("{} secrets, none of them in {}", secrets.0.len(), sizes.join(", "));
    Ok(())
}

/// Registers, signs in, refreshes, revokes, with everything that can go wrong; keeps a profile. Returns a token.
async fn signing_in(stack: &Stack, secrets: &mut Secrets) -> Result<String> {
    let post = |path: &str, body: Value| stack.request(Method::POST, path).json(&body);
    let credentials = |password: &str| json!({"username": USER, "password": password});
    let registered =
        expect(post("/authentication/register/", credentials(USER_PASSWORD)), StatusCode::CREATED).await?;
    secrets.keep_tokens(&registered)?;
    for (body, status) in [
        (credentials(USER_PASSWORD), StatusCode::CONFLICT),
        (
            json!({"username": USER, "password": TELEPHONE, "telephone": REFUSED_PHONE}),
            StatusCode::BAD_REQUEST,
        ),
        (json!({"username": REFUSED_PHONE, "password": REFUSED_PHONE}), StatusCode::BAD_REQUEST),
    ] {
        expect(post("/authentication/register/", body), status).await?;
    }
    expect(post("/authentication/token/", credentials(WRONG_PASSWORD)), StatusCode::BAD_REQUEST).await?;
    let malformed = format!("{{\"username\": \"{REFUSED_PHONE}\", \"password\": {REFUSED_PHONE}");
    let malformed = stack.request(Method::POST, "/authentication/token/").body(malformed);
    expect(malformed.header(CONTENT_TYPE, "application/json"), StatusCode::BAD_REQUEST).await?;

    let signed_in =
        expect(post("/authentication/token/", credentials(USER_PASSWORD)), StatusCode::OK).await?;
    let (_, refresh) = secrets.keep_tokens(&signed_in["token"])?;
    let refresh = json!({"refresh_token": refresh});
    let refreshed = expect(post("/authentication/token/refresh/", refresh.clone()), StatusCode::OK).await?;
    secrets.keep_tokens(&refreshed)?;
    // Reuse gives a thief away, and is logged.
    expect(post("/authentication/token/refresh/", refresh), StatusCode::BAD_REQUEST).await?;
    expect(
        post("/authentication/token/refresh/", json!({"refresh_token": STRAY_TOKEN})),
        StatusCode::BAD_REQUEST,
    )
    .await?;
    let again = expect(post("/authentication/token/", credentials(USER_PASSWORD)), StatusCode::OK).await?;
    let (revoked, _) = secrets.keep_tokens(&again["token"])?;
    expect(post("/authentication/token/revoke/", json!({"token": revoked})), StatusCode::OK).await?;
    expect(post("/authentication/token/revoke/", json!({"token": STRAY_TOKEN})), StatusCode::OK).await?;
    expect(stack.get("/taches/", &revoked), StatusCode::UNAUTHORIZED).await?;
    expect(stack.get("/taches/", STRAY_TOKEN), StatusCode::UNAUTHORIZED).await?;

    let last = expect(post("/authentication/token/", credentials(USER_PASSWORD)), StatusCode::OK).await?;
    let (own, _) = secrets.keep_tokens(&last["token"])?;
    let user = expect(stack.post("/get_user/", &own).json(&json!({"token": own})), StatusCode::OK).await?;
    let others = json!({"token": registered["access_token"], "phone": REFUSED_PHONE});
    expect(stack.post("/get_user/", &own).json(&others), StatusCode::BAD_REQUEST).await?;
    let profile = format!("/profiles/{}", user["user"]["id"]);
    let put = |body: Value| stack.request(Method::PUT, &profile).bearer_auth(&own).json(&body);
    let fields = json!({"telephone": TELEPHONE, "numero_whatsapp": WHATSAPP, "fonction": "Comptable",
                        "matricule": STAFF_NUMBER});
    expect(put(fields), StatusCode::OK).await?;
    expect(put(json!({"telephone": format!("{REFUSED_PHONE}\n")})), StatusCode::BAD_REQUEST).await?;
    expect(put(json!({"telephone": 759310003, REFUSED_PHONE: 1})), StatusCode::BAD_REQUEST).await?;
    expect(stack.get("/profiles/", &own), StatusCode::OK).await?;
    expect(post("/authentication/token/", credentials(USER_PASSWORD)), StatusCode::OK).await.and_then(
        |signed_in| {
            secrets.keep_tokens(&signed_in["token"])?;
            ensure!(signed_in["profile"][0]["telephone"] == TELEPHONE, "{signed_in}");
            Ok(())
        },
    )?;

    // The OAuth endpoints.
    let (id, secret) = (stack.client.0.as_str(), stack.client.1.as_str());
    let password_grant = |password| {
        [
            ("grant_type", "password"),
            ("client_id", id),
            ("client_secret", secret),
            ("username", end_to_end::USERNAME),
            ("password", password),
        ]
    };
    let form = |path: &str, form: &[(&str, &str)]| stack.request(Method::POST, path).form(form);
    let issued = expect(form("/o/token/", &password_grant(end_to_end::PASSWORD)), StatusCode::OK).await?;
    let (token, refresh) = secrets.keep_tokens(&issued)?;
    expect(form("/o/token/", &password_grant(WRONG_PASSWORD)), StatusCode::BAD_REQUEST).await?;
    let wrong_client =
        [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", WRONG_PASSWORD)];
    expect(form("/o/token/", &wrong_client), StatusCode::UNAUTHORIZED).await?;
    let basic = stack.request(Method::POST, "/o/token/").basic_auth(id, Some(secret));
    let own_grant = expect(basic.form(&[("grant_type", "client_credentials")]), StatusCode::OK).await?;
    secrets.keep("access token", own_grant["access_token"].as_str().context("no token")?);
    let inspected = [("token", token.as_str()), ("client_id", id), ("client_secret", secret)];
    expect(form("/o/introspect/", &inspected), StatusCode::OK).await?;
    let revoked = [("token", refresh.as_str()), ("client_id", id), ("client_secret", secret)];
    ensure!(Answer::to(form("/o/revoke_token/", &revoked)).await?.status == StatusCode::OK);

    let token = stack.token(None).await?;
    secrets.keep("access token", &token);
    Ok(token)
}

/// Registers applications as a program and as a browser.
async fn applications(stack: &Stack, token: &str, secrets: &mut Secrets) -> Result<()> {
    let register = |body: Value| stack.post("/o/applications/register/", token).json(&body);
    let draft = expect(register(json!({})), StatusCode::OK).await?;
    let registered = expect(register(json!({"name": "Till"})), StatusCode::CREATED).await?;
    for application in [draft, registered] {
        secrets.keep("client secret", application["client_secret"].as_str().context("no secret")?);
    }
    let refused = json!({"name": "Till", "redirect_uris": format!("tel:{REFUSED_PHONE}")});
    expect(register(refused), StatusCode::BAD_REQUEST).await?;

    let mut cookies: Vec<(String, String)> = Vec::new();
    let mut browse = async |method: Method, path: &str, form: &[(&str, &str)], status: StatusCode| {
        let jar: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request =
            stack.request(method, path).header("accept", "text/html").header("cookie", jar.join("; "));
        if !form.is_empty() {
            request = request.form(form);
        }
        let answer = Answer::to(request).await?;
        ensure!(answer.status == status, "{path}: {answer:?}");
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str()?.split(';').next().and_then(|cookie| cookie.split_once('='));
            let (name, value) = cookie.context("no cookie")?;
            cookies.retain(|(known, _)| known != name);
            cookies.push((name.to_owned(), value.to_owned()));
        }
        Ok((answer.text, cookies.clone()))
    };
    let (_, jar) = browse(Method::GET, "/o/applications/", &[], StatusCode::UNAUTHORIZED).await?;
    let cookie = |jar: &[(String, String)], wanted: &str| {
        let found = jar.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        found.with_context(|| format!("no cookie {wanted}"))
    };
    let csrf = cookie(&jar, "garant_csrf")?;
    secrets.keep("CSRF token", &csrf);
    let login = |password| [("csrf_token", csrf.as_str()), ("username", USER), ("password", password)];
    browse(Method::POST, "/o/login/", &login(WRONG_PASSWORD), StatusCode::UNAUTHORIZED).await?;
    let forged = [("csrf_token", STRAY_TOKEN), ("username", USER), ("password", USER_PASSWORD)];
    browse(Method::POST, "/o/login/", &forged, StatusCode::FORBIDDEN).await?;
    let (_, jar) = browse(Method::POST, "/o/login/", &login(USER_PASSWORD), StatusCode::SEE_OTHER).await?;
    secrets.keep("session", cookie(&jar, "garant_session")?);
    let (page, _) = browse(Method::GET, "/o/applications/register/", &[], StatusCode::OK).await?;
    let value = |field: &str| {
        let rest = page.split(&format!("name=\"{field}\" value=\"")).nth(1);
        rest.and_then(|rest| rest.split('"').next()).map(str::to_owned).with_context(|| page.clone())
    };
    let (id, secret) = (value("client_id")?, value("client_secret")?);
    let application = [
        ("csrf_token", csrf.as_str()),
        ("name", "Till of the browser"),
        ("client_id", &id),
        ("client_secret", &secret),
        ("client_type", "confidential"),
        ("authorization_grant_type", "password"),
        ("redirect_uris", ""),
        ("algorithm", "No OIDC support"),
    ];
    browse(Method::POST, "/o/applications/register/", &application, StatusCode::CREATED).await?;
    secrets.keep("client secret", secret);
    browse(Method::POST, "/o/logout/", &[("csrf_token", csrf.as_str())], StatusCode::SEE_OTHER).await?;
    Ok(())
}

/// Transactions and statements, good and bad; the matching and its details.
async fn reconciliations(stack: &Stack, token: &str, secrets: &mut Secrets) -> Result<()> {
    let sample = Sample::new(Params::new(300, 7));
    for row in sample.operator_rows() {
        secrets.keep("payid", row.payid);
        secrets.keep("phone", row.phone_num);
    }
    stack.ingest(token, &sample).await?;
    let ndjson = || stack.post("/transactions/", token).header(CONTENT_TYPE, "application/x-ndjson");
    let bad = format!(
        "{{\"cpm_trans_id\": \"X1\", \"cel_phone_num\": \"{REFUSED_PHONE}\", \"cpm_amount\": \"{REFUSED_PHONE}\"}}\n\
         {{\"cel_phone_num\": {REFUSED_PHONE}\n"
    );
    Answer::to(ndjson().body(bad)).await?;
    Answer::to(stack.post("/transactions/", token).body(REFUSED_PHONE)).await?;
    let json = stack.post("/transactions/", token).header(CONTENT_TYPE, "application/json");
    Answer::to(json.body(format!("[{REFUSED_PHONE}, {{\"cel_phone_num\": "))).await?;

    let task = stack.reconcile(token, &sample).await?;
    stack.finished(token, task).await?;
    let details = expect(stack.get(&format!("/details_taches/{task}"), token), StatusCode::OK).await?;
    ensure!(details["correspondent"].as_array().is_some_and(|rows| rows.len() > 200), "{details}");
    expect(stack.post(&format!("/update_reconciliation/{task}"), token), StatusCode::CREATED).await?;
    expect(stack.get("/taches/", token), StatusCode::OK).await?;

    let header = "payment_date,payid,status,phone_num,amount,trans_id,account,agent";
    for (statement, query) in [
        (format!("{header}\n{REFUSED_PHONE},P,SUCCES,{REFUSED_PHONE},{REFUSED_PHONE}.5,,,\n"), "?detail=1"),
        (format!("{header}\n{REFUSED_PHONE},P,{REFUSED_PHONE},,,,,\n"), ""),
        (format!("{REFUSED_PHONE},telephone\n1,2\n"), ""),
        (format!("PK\u{3}\u{4}{REFUSED_PHONE}"), ""),
    ] {
        let (from, to) = sample.window();
        let form = reqwest::multipart::Form::new()
            .text("operateur", OPERATOR)
            .text("dateDebut", from)
            .text("dateFin", to)
            .part(
                "fichier",
                reqwest::multipart::Part::text(statement).file_name(format!("{REFUSED_PHONE}.csv")),
            );
        let upload = stack.post(&format!("/reconciliation/{query}"), token).multipart(form);
        expect(upload, StatusCode::NOT_ACCEPTABLE).await?;
    }
    let request = json!({"operateur": REFUSED_PHONE, "fichier": [{"phone_num": REFUSED_PHONE}],
                         "dateDebut": REFUSED_PHONE, "dateFin": "", "fileName": REFUSED_PHONE});
    expect(stack.post("/reconciliation/", token).json(&request), StatusCode::BAD_REQUEST).await?;
    let broken = stack.post("/reconciliation/", token).header(CONTENT_TYPE, "application/json");
    expect(broken.body(format!("{{\"operateur\": {REFUSED_PHONE}")), StatusCode::BAD_REQUEST).await?;
    Ok(())
}

/// Paths, queries and headers that hold what does not belong there; a request that is none.
async fn strangers(stack: &Stack) -> Result<()> {
    for base in [stack.gateway.base_url(), &stack.replica.base_url] {
        for path in ["nowhere", "taches", "operateurs", "details_taches", "profiles", "o"] {
            let url = format!("{base}/{path}/{STRAY_PHONE}?phone={STRAY_PHONE}&access_token={STRAY_TOKEN}");
            for method in [Method::GET, Method::DELETE, Method::from_bytes(b"M0759310004")?] {
                let request = stack.http.request(method, &url).header("correlationid", STRAY_PHONE);
                let request = request.header("referer", &url).header("user-agent", STRAY_PHONE);
                Answer::to(request.header("authorization", format!("Bearer {STRAY_TOKEN}"))).await?;
            }
        }
        let address = base.trim_start_matches("http://");
        for request in [
            format!("GET /{STRAY_PHONE} HTTP/9.9\r\n\r\n"),
            format!("{STRAY_PHONE}\r\n\r\n"),
            format!("POST /transactions/ HTTP/1.1\r\nhost: x\r\ncontent-length: {STRAY_PHONE}x\r\n\r\n"),
            format!(
                "POST /o/token/ HTTP/1.1\r\nhost: x\r\ncontent-length: 900\r\n\r\npassword={STRAY_PHONE}"
            ),
        ] {
            let mut connection = TcpStream::connect(address).await?;
            connection.write_all(request.as_bytes()).await?;
            connection.shutdown().await?;
            connection.read_to_end(&mut Vec::new()).await?;
        }
    }
    Ok(())
}

/// Statements that the database refuses with a message that quotes a phone number, and connections that it cuts.
async fn broken_database(stack: &Stack, token: &str) -> Result<()> {
    let refuse = format!(
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
         $$BEGIN RAISE EXCEPTION 'phone {QUOTED_PHONE} refused' USING DETAIL = '{QUOTED_PHONE}'; END$$"
    );
    sqlx::query(sqlx::AssertSqlSafe(refuse)).execute(&stack.pool).await?;
    let sample = Sample::new(Params::new(20, 8));
    let mut statement = Vec::new();
    sample.write_csv(&mut statement)?;
    let refusing = async |table: &str, refusing: bool| {
        let sql = if refusing {
            format!("CREATE TRIGGER refuse BEFORE INSERT ON {table} EXECUTE FUNCTION public.refuse()")
        } else {
            format!("DROP TRIGGER refuse ON {table}")
        };
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&stack.pool).await
    };
    for table in ["reconciliation.transactions", "reconciliation.statement_rows"] {
        refusing(table, true).await?;
        let mut body = Vec::new();
        sample.write_transactions(&mut body)?;
        let request = match table {
            "reconciliation.transactions" => {
                stack.post("/transactions/", token).header(CONTENT_TYPE, "application/x-ndjson").body(body)
            }
            _ => stack.upload(token, &sample, statement.clone()),
        };
        let failed = Answer::to(request).await?;
        assert_eq!((failed.status, failed.code()?.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "internal"));
        ensure!(!failed.text.contains(QUOTED_PHONE), "{failed:?}");
        refusing(table, false).await?;
    }
    // The matching fails once, and is tried again.
    refusing("reconciliation.results", true).await?;
    let task = stack.reconcile(token, &sample).await?;
    stack.until("SELECT EXISTS (SELECT FROM jobs.job WHERE failures > 0)").await?;
    refusing("reconciliation.results", false).await?;
    stack.finished(token, task).await?;

    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .execute(&stack.pool)
    .await?;
    for _ in 0..5 {
        Answer::to(stack.get("/taches/", token)).await?;
    }
    Ok(())
}
