//! One order (RFC 8555 §7.4): account, authorization, proof, certificate.
//!
//! How it can fail: at every step, and by hanging at every step; the caller sets the deadline and
//! may drop it at any await. What it set up for the proof lies in [`Proofs`], outside of it, so
//! that the caller can take it down whatever happened.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use menshen_config::AcmeChallenge;
use menshen_config::keeper::CHAIN_BYTES_MAX;
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256};

use crate::authority::Authority;
use crate::chain::{self, Held};
use crate::choice::Blame;
use crate::clock;
use crate::fault::{Fault, kind, problem_words};
use crate::name::Name;
use crate::proof::Proofs;
use crate::web::Advice;

/// What is ordered, and where.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    /// The name.
    pub(crate) name: &'a Name,
    /// From whom.
    pub(crate) authority: &'a Authority,
    /// Ways to prove it, the one whose turn it is in front.
    pub(crate) ways: &'a [AcmeChallenge],
    /// The certificate it replaces (RFC 9773 §5).
    pub(crate) replaces: Option<CertificateIdentifier<'static>>,
    /// Where the authority's wishes are noted.
    pub(crate) advice: &'a Arc<Advice>,
}

/// A certificate as it came, looked at already.
pub(crate) struct Got {
    /// The certificate.
    pub(crate) held: Held,
    /// Its key.
    pub(crate) key_pem: String,
    /// What did not go as configured, though the order succeeded.
    pub(crate) remark: Option<String>,
}

/// Runs an order to its end.
///
/// # Errors
/// What failed, and whose fault it was.
pub(crate) async fn run(job: &Job<'_>, proofs: &Rc<Proofs>) -> Result<Got, Fault> {
    if job.ways.is_empty() {
        let words = match job.name {
            Name::Wildcard(_) => "a wildcard can be proved by dns-01 only: set acme.dns_hook",
            _ => "acme.challenges names no way to prove this name",
        };
        return Err(Fault::new(Blame::Proof, words));
    }
    let account = job.authority.account(job.advice).await?;
    let (mut order, remark) = match begin(job, &account).await {
        Ok(begun) => begun,
        Err(error) => {
            // An account that was closed is refused as `unauthorized`; a new one may do better.
            let lost = matches!(kind(&error), Some("accountDoesNotExist" | "unauthorized"));
            if lost {
                job.authority.forget(account.id()).await;
            }
            return Err(Fault { account_lost: lost, ..Fault::of_authority(&error) });
        }
    };
    authorize(job, &mut order, proofs).await?;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256);
    let key = key.map_err(|_| Fault::new(Blame::Authority, "no key could be made"))?;
    let csr = request(job.name, &key)
        .map_err(|_| Fault::new(Blame::Authority, "this name cannot stand in a request"))?;
    let chain = finish(&mut order, &csr).await?;
    let key_pem = key.serialize_pem();
    if chain.len() > CHAIN_BYTES_MAX {
        return Err(Fault::new(Blame::Authority, "the chain is longer than 256 KiB"));
    }
    let held = chain::check(&chain, &key_pem, job.name, clock::unix_now())
        .map_err(|words| Fault::new(Blame::Authority, words))?;
    Ok(Got { held, key_pem, remark })
}

/// Repeats a request the authority refused for its nonce only (RFC 8555 §6.5); the library does so
/// twice, which is too little where every second one is refused.
pub(crate) async fn persist<T>(
    mut step: impl AsyncFnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    for _ in 0..NONCE_TRIES {
        match step().await {
            Err(error) if kind(&error) == Some("badNonce") => {}
            result => return result,
        }
    }
    step().await
}

async fn begin(job: &Job<'_>, account: &Account) -> Result<(Order, Option<String>), Error> {
    let identifiers = [job.name.identifier()];
    let mut remark = None;
    let mut profile = job.authority.profile.as_deref();
    if let Some(wanted) = profile
        && !account.profiles().any(|offered| offered.name == wanted)
    {
        remark = Some(format!("the authority has no profile \"{wanted}\": ordered without one"));
        profile = None;
    }
    let place = async |replaces: Option<&CertificateIdentifier<'static>>| {
        persist(async || {
            let mut order = NewOrder::new(&identifiers);
            if let Some(profile) = profile {
                order = order.profile(profile);
            }
            if let Some(replaced) = replaces {
                order = order.replaces(replaced.clone());
            }
            account.new_order(&order).await
        })
        .await
    };
    let mut order = place(job.replaces.as_ref()).await;
    if let Err(error) = &order
        && job.replaces.is_some()
        && !matches!(kind(error), Some("rateLimited" | "accountDoesNotExist" | "unauthorized"))
    {
        // To say what it replaces is a favour to the authority; it may not want it.
        order = place(None).await;
    }
    Ok((order?, remark))
}

/// Proves what is not proved yet.
async fn authorize(job: &Job<'_>, order: &mut Order, proofs: &Rc<Proofs>) -> Result<(), Fault> {
    // The list is fetched first: what is known of it is kept over a repetition.
    persist(async || {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            authorization?;
        }
        Ok(())
    })
    .await
    .map_err(|error| Fault::of_authority(&error))?;
    let mut set_up = false;
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(|error| Fault::of_authority(&error))?;
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            _ => {
                let words = "the authority offers an authorization that cannot be used";
                return Err(Fault::new(Blame::Authority, words));
            }
        }
        let offered: Vec<_> =
            authorization.challenges.iter().map(|one| one.r#type.clone()).collect();
        let way = job.ways.iter().find(|way| offered.contains(&kind_of(**way)));
        let Some(way) = way.copied() else {
            let words = "the authority offers no way to prove this name that is possible here";
            return Err(Fault::new(Blame::Authority, words));
        };
        let Some(mut challenge) = authorization.challenge(kind_of(way)) else {
            return Err(Fault::new(Blame::Authority, "the challenge is gone"));
        };
        let answer = challenge.key_authorization();
        proofs
            .set(job.name, way, &challenge.token, &answer)
            .await
            .map_err(|words| Fault::new(Blame::Proof, words))?;
        set_up = true;
        persist(async || challenge.set_ready().await).await.map_err(|error| match &error {
            Error::Api(problem) if kind(&error) != Some("rateLimited") => Fault::of_proof(problem),
            error => Fault::of_authority(error),
        })?;
    }
    let ready = persist(async || order.poll_ready(&PATIENCE).await).await;
    match ready {
        Ok(OrderStatus::Ready | OrderStatus::Valid) => Ok(()),
        Ok(_) | Err(Error::Api(_)) => {
            let reason = refusal(order).await;
            let said = ready.err().map(|error| Fault::of_authority(&error).text);
            let words = reason.or(said).unwrap_or_else(|| "the proof was refused".to_owned());
            Err(Fault::new(if set_up { Blame::Proof } else { Blame::Authority }, words))
        }
        Err(Error::Timeout(_)) => {
            let words = "the authority did not look at the proof in time";
            Err(Fault::new(Blame::Proof, words))
        }
        Err(error) => Err(Fault::of_authority(&error)),
    }
}

/// What the authority says of the challenge it refused: more than it says of the order.
async fn refusal(order: &mut Order) -> Option<String> {
    persist(async || {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            let state = authorization.refresh().await?;
            let mut problems = state.challenges.iter().filter_map(|one| one.error.as_ref());
            if let Some(problem) = problems.next() {
                return Ok(Some(problem_words(problem)));
            }
        }
        Ok(None)
    })
    .await
    .ok()
    .flatten()
}

/// Hands in the request and waits for the chain.
async fn finish(order: &mut Order, csr: &[u8]) -> Result<String, Fault> {
    persist(async || order.finalize_csr(csr).await)
        .await
        .map_err(|error| Fault::of_authority(&error))?;
    persist(async || order.poll_certificate(&PATIENCE).await)
        .await
        .map_err(|error| Fault::of_authority(&error))
}

fn request(name: &Name, key: &KeyPair) -> Result<Vec<u8>, rcgen::Error> {
    let mut params = CertificateParams::new(vec![name.text()])?;
    params.distinguished_name = DistinguishedName::new();
    Ok(params.serialize_request(key)?.der().to_vec())
}

fn kind_of(way: AcmeChallenge) -> ChallengeType {
    match way {
        AcmeChallenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
        AcmeChallenge::Http01 => ChallengeType::Http01,
        AcmeChallenge::Dns01 => ChallengeType::Dns01,
    }
}

/// How long the authority may take to look, and again to issue.
pub(crate) const AUTHORITY_TIME: Duration = Duration::from_secs(120);
const PATIENCE: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(300))
    .backoff(1.5)
    .timeout(AUTHORITY_TIME);
const NONCE_TRIES: u32 = 8;
