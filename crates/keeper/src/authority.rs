//! An authority and our account with it.
//!
//! The account is made once and its credentials handed to the guard at once; it is made anew when
//! the authority no longer knows it. Every order has a client of its own, so that one that hangs
//! holds up no other; only making the account is done by one at a time.

use std::fmt;
use std::sync::Arc;

use instant_acme::{Account, AccountBuilder, AccountCredentials, ExternalAccountKey, NewAccount};
use menshen_config::keeper::{DirectorySpec, Message};
use rustls::ClientConfig;
use tokio::sync::Mutex;

use crate::base64;
use crate::choice::Blame;
use crate::fault::{Fault, kind};
use crate::order::persist;
use crate::outbox::Outbox;
use crate::web::{self, Advice, Web};

/// One configured authority; `Debug` shows neither the account nor the key of a binding.
pub(crate) struct Authority {
    /// URL of its directory.
    pub(crate) url: String,
    /// Profile to ask for.
    pub(crate) profile: Option<String>,
    index: u32,
    tls: Result<ClientConfig, String>,
    binding: Option<Result<(String, Vec<u8>), String>>,
    contact: Option<String>,
    /// Credentials as JSON.
    account: Mutex<Option<String>>,
    outbox: Outbox,
}

impl Authority {
    /// The authority of that index; what is wrong with its settings shows when it is used.
    pub(crate) fn new(
        index: u32,
        spec: DirectorySpec,
        email: Option<&str>,
        outbox: Outbox,
    ) -> Self {
        let binding = spec.binding.map(|(identifier, key)| {
            base64::decode(&key.0).map(|key| (identifier, key)).ok_or_else(|| {
                "the key of the external account binding is not base64url".to_owned()
            })
        });
        Self {
            tls: web::tls(spec.roots_pem.as_deref()),
            url: spec.url,
            profile: spec.profile,
            index,
            binding,
            contact: email.map(|email| format!("mailto:{email}")),
            account: Mutex::new(spec.account.map(|secret| secret.0)),
            outbox,
        }
    }

    /// The account, made if there is none.
    ///
    /// # Errors
    /// What the authority or the way to it did; settings that cannot work.
    pub(crate) async fn account(&self, advice: &Arc<Advice>) -> Result<Account, Fault> {
        let mut credentials = self.account.lock().await;
        if let Some(known) = credentials.clone() {
            // Others need not wait while this one is loaded.
            drop(credentials);
            if let Some(account) = self.load(&known, advice).await? {
                return Ok(account);
            }
            credentials = self.account.lock().await;
            if *credentials != Some(known) {
                let known = credentials.clone();
                drop(credentials);
                let account = self.load(&known.unwrap_or_default(), advice).await?;
                return account.ok_or_else(|| {
                    Fault::new(Blame::Authority, "the account was lost while it was loaded")
                });
            }
        }
        let (account, json) = self.create(advice).await?;
        *credentials = Some(json.clone());
        drop(credentials);
        let message = Message::Account { directory: self.index, credentials: json.into_bytes() };
        // A guard that is gone ends this process anyway.
        let _ = self.outbox.send(message).await;
        Ok(account)
    }

    /// The account if there is one; nothing is made.
    pub(crate) async fn known_account(&self, advice: &Arc<Advice>) -> Option<Account> {
        let known = self.account.lock().await.clone()?;
        self.load(&known, advice).await.ok().flatten()
    }

    /// Forgets the account with this identifier, so that the next order makes a new one.
    pub(crate) async fn forget(&self, identifier: &str) {
        let mut credentials = self.account.lock().await;
        let is_it = credentials.as_deref().is_some_and(|json| {
            let parsed = serde_json::from_str::<serde_json::Value>(json).ok();
            parsed.and_then(|json| json.get("id")?.as_str().map(|id| id == identifier))
                == Some(true)
        });
        if is_it {
            *credentials = None;
        }
    }

    fn tls(&self) -> Result<ClientConfig, Fault> {
        self.tls.clone().map_err(|words| Fault::new(Blame::Authority, words))
    }

    /// None when the credentials are of no use: damaged, or for another directory.
    async fn load(&self, json: &str, advice: &Arc<Advice>) -> Result<Option<Account>, Fault> {
        let directory = serde_json::from_str::<serde_json::Value>(json).ok();
        let directory = directory.as_ref().and_then(|json| json.get("directory")?.as_str());
        let parsed = serde_json::from_str::<AccountCredentials>(json);
        let (Ok(parsed), true) = (parsed, directory == Some(self.url.as_str())) else {
            return Ok(None);
        };
        match builder(self.tls()?, advice).from_credentials(parsed).await {
            Ok(account) => Ok(Some(account)),
            Err(instant_acme::Error::KeyRejected) => Ok(None),
            Err(error) => Err(Fault::of_authority(&error)),
        }
    }

    async fn create(&self, advice: &Arc<Advice>) -> Result<(Account, String), Fault> {
        let fault = |words: &str| Fault::new(Blame::Authority, words);
        let binding = match &self.binding {
            Some(Ok((identifier, key))) => Some(ExternalAccountKey::new(identifier.clone(), key)),
            Some(Err(words)) => return Err(fault(words)),
            None => None,
        };
        let contact: Vec<&str> = self.contact.as_deref().into_iter().collect();
        let tls = self.tls()?;
        let create = async |contact: &[&str]| {
            let account =
                NewAccount { contact, terms_of_service_agreed: true, only_return_existing: false };
            let builder = builder(tls.clone(), advice);
            builder.create(&account, self.url.clone(), binding.as_ref()).await
        };
        let mut made = persist(async || create(&contact).await).await;
        // An address the authority does not like shall not keep a site without certificate.
        if let Err(error) = &made
            && matches!(kind(error), Some("invalidContact" | "unsupportedContact"))
        {
            made = persist(async || create(&[]).await).await;
        }
        let (account, credentials) = made.map_err(|error| Fault::of_authority(&error))?;
        let json = serde_json::to_string(&credentials)
            .map_err(|_| fault("the account cannot be written down"))?;
        Ok((account, json))
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("url", &self.url).finish_non_exhaustive()
    }
}

fn builder(tls: ClientConfig, advice: &Arc<Advice>) -> AccountBuilder {
    Account::builder_with_http(Box::new(Web::new(tls, Arc::clone(advice))))
}
