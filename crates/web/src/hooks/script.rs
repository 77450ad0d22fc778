//! A hook that is a PHP script: an event is the body of one request to it, made by nobody else.
//!
//! The script is run by the site whose event it is, also where rules keep clients away from it. It
//! knows the door by `MENSHEN_HOOK`, a parameter that no field of a request can become. It waits
//! for its place at PHP as any request. Whatever is not 2xx is an error, and the deliverer tries
//! again; here nothing is kept.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use menshen_hooks::ScriptCall;
use menshen_web_core::fastcgi::push_param;
use menshen_web_core::fields::Wanted;
use menshen_web_core::head::{Headers, Interest, Method};

use crate::ask::{Ask, Wire};
use crate::door::Door;
use crate::fault::Fault;
use crate::php::answer::Left;
use crate::php::call::Call;
use crate::php::intake::{Flush, Intake, IntakeLimits};
use crate::php::kept::Kept;
use crate::php::params::pairs;

/// Has the script hear of an event.
pub(super) async fn told(door: Rc<Door>, call: ScriptCall) -> Result<(), String> {
    let call = made(&door, &call).await?;
    let streaming = call.run_kept(&door).await.map_err(|failure| failure.to_string())?;
    let status = streaming.status();
    streaming.leave(Left::Served);
    if (200..300).contains(&status) { Ok(()) } else { Err(format!("it answered {status}")) }
}

/// The request that tells it.
async fn made(door: &Rc<Door>, call: &ScriptCall) -> Result<Box<Call>, String> {
    let ScriptCall { site, script, event, id, signature, body } = call;
    let fault = |fault: Fault| fault.to_string();
    let found = door.sites.find(site.as_bytes()).ok_or("no site has this host any more")?;
    let pool = found.pool.and_then(|number| door.pools.get(number));
    let script = found.named_script(script.as_bytes(), b"").map_err(fault)?;
    let (Some(script), Some(pool)) = (script, pool) else {
        return Err("there is no such script".to_owned());
    };
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let local = || nobody;
    let ask = Ask {
        method: Method::Post,
        method_name: "POST",
        target: &script.name,
        host: site.as_bytes(),
        headers: &NoFields,
        interest: Interest::NONE,
        peer: nobody.ip(),
        length: Some(body.len() as u64),
        wire: Wire { local: &local, remote: nobody, secure: true, protocol: "HTTP/1.1" },
    };
    let mut pairs = pairs(&ask, &script.place()).ok_or("its name is too long for PHP")?;
    push_param(b"MENSHEN_HOOK", event.as_bytes(), &mut pairs);
    // As over HTTP, so that one script does for both.
    push_param(b"HTTP_MENSHEN_EVENT", event.as_bytes(), &mut pairs);
    push_param(b"HTTP_MENSHEN_EVENT_ID", id.as_bytes(), &mut pairs);
    if let Some(signature) = signature {
        push_param(b"HTTP_X_HUB_SIGNATURE_256", signature.as_bytes(), &mut pairs);
    }
    let limits = IntakeLimits::default();
    let mut intake = Intake::raw(Arc::clone(&pool.spool), ask.length, limits).map_err(fault)?;
    intake.take(body.as_bytes()).map_err(fault)?;
    let body = intake.finish(Flush::No).await.map_err(fault)?;
    Ok(Box::new(Call {
        pool: Rc::clone(pool),
        script,
        pairs,
        content_type: b"application/json".to_vec(),
        body: Some(body),
        namer: None,
        held: Vec::new(),
        client: nobody.ip(),
        kept: Kept::default(),
        wanted: Wanted::Either,
    }))
}

/// Nobody sent it.
struct NoFields;

impl Headers for NoFields {
    fn get(&self, _name: &str) -> Option<&[u8]> {
        None
    }

    fn for_each(&self, _name: &str, _f: &mut dyn FnMut(&[u8])) {}

    fn each(&self, _f: &mut dyn FnMut(&[u8], &[u8])) {}
}
