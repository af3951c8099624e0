//! The cookies of one client, as a browser keeps them (RFC 6265 §5.3, §5.4) for one host and path.

use std::collections::BTreeMap;
use std::time::Duration;

use tiercel_core::field::Fields;

/// Cookies by name, each with the moment at which it is over.
#[derive(Clone, Debug, Default)]
pub struct Jar(BTreeMap<String, (String, Option<Duration>)>);

impl Jar {
    /// Takes what an answer sets, at `now` by the client's clock.
    pub fn take(&mut self, fields: &Fields, now: Duration) {
        for line in fields.all("set-cookie") {
            let mut parts = line.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            // The last one counts (§5.3), and what is no number does not (§5.2.2).
            let ages =
                parts.filter_map(|part| part.split_once('=')).filter(|(name, _)| name.eq_ignore_ascii_case("max-age"));
            let age = ages.filter_map(|(_, seconds)| seconds.parse::<i64>().ok()).next_back();
            match age {
                Some(seconds) if seconds <= 0 => {
                    self.0.remove(name);
                }
                _ => {
                    let end = age.map(|seconds| now + Duration::from_secs(seconds.unsigned_abs()));
                    self.0.insert(name.to_owned(), (value.to_owned(), end));
                }
            }
        }
    }

    /// The line that carries them at `now`; `None` where there are none.
    pub fn line(&mut self, now: Duration) -> Option<String> {
        self.0.retain(|_, (_, end)| end.is_none_or(|end| now < end));
        let pairs: Vec<String> = self.0.iter().map(|(name, (value, _))| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| format!("Cookie: {}", pairs.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields;

    #[test]
    fn what_is_set_is_sent_until_it_is_over() {
        let at = Duration::from_secs;
        let mut jar = Jar::default();
        assert_eq!(jar.line(at(0)), None);
        jar.take(
            &fields(&["Set-Cookie: a=1=2; Path=/; Max-Age=5; Secure", "Set-Cookie: b=x; max-age=none", "X: y"]),
            at(10),
        );
        assert_eq!(jar.line(at(14)).as_deref(), Some("Cookie: a=1=2; b=x"));
        assert_eq!(jar.line(at(15)).as_deref(), Some("Cookie: b=x"));
        jar.take(&fields(&["Set-Cookie: b=y", "Set-Cookie: c=z; Max-Age=1; Max-Age=100", "Set-Cookie: junk"]), at(20));
        assert_eq!(jar.line(at(30)).as_deref(), Some("Cookie: b=y; c=z"));
        jar.take(&fields(&["Set-Cookie: b=; Max-Age=0", "Set-Cookie: c=; Max-Age=-1"]), at(40));
        assert_eq!(jar.line(at(40)), None);
    }
}
