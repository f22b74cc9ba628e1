//! The flags that say how a server is reached: under which names, and through which proxies.

use std::net::IpAddr;

use clap::Args;
use kadenza_stack::Address;
use kadenza_views::{PublicUrl, Site};

use crate::server::process::host;

/// The names of a server, and the proxies in front of it.
#[derive(Debug, Default, Args)]
pub(in crate::server) struct SiteFlags {
    /// An address at which people reach this server by a name, perhaps through a proxy, as in
    /// `https://music.example`; repeatable [in the variable: separated by commas]. The server answers under that name,
    /// under its addresses in numbers, as localhost, under the name of its machine (NAME and NAME.local), and as the
    /// names in --http and --advertise, and under no other; pages from there may upload
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    public_url: Vec<PublicUrl>,

    /// The address in numbers from which a proxy or a gateway asks this server; repeatable [in the variable: separated by
    /// commas]. It is believed for whom it asks (X-Forwarded-For), so that each of its clients has the bounds of one
    /// address, and not all of them together; where it names nobody, there are none. What asks from
    /// loopback has no bounds, unless its address is named here
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    trusted_proxy: Vec<IpAddr>,
}

impl SiteFlags {
    /// The proxies in front.
    pub(in crate::server) fn proxies(&self) -> Vec<IpAddr> {
        let proxies = self.trusted_proxy.iter();
        proxies.map(IpAddr::to_canonical).collect()
    }

    /// The names, with those of this machine and of addresses that are served.
    pub(in crate::server) fn site<'a>(
        &self,
        served: impl IntoIterator<Item = &'a Address>,
    ) -> Site {
        let machine = host::names();
        let site = Site::default();
        let site = machine
            .iter()
            .fold(site, |site, name| site.under_name(name));
        let site = served
            .into_iter()
            .fold(site, |site, address| site.under_name(address.host()));
        self.public_url.iter().cloned().fold(site, Site::at)
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, http::Request, routing::get};
    use clap::Parser;
    use tower::ServiceExt;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        site: SiteFlags,
    }

    #[tokio::test]
    async fn the_names_of_flags_are_names_of_the_server() {
        let line = [
            "serve",
            "--public-url",
            "https://a.example,http://b.example:1/",
        ];
        let line = Line::parse_from(line);
        let served: Vec<Address> = ["music.home:4533", "0.0.0.0:4534"]
            .map(|address| address.parse().unwrap())
            .into();
        let routes = Router::new().route("/", get(async || "here"));
        let routes = line.site.site(&served).guard(routes);
        let known = ["music.home:9", "a.example", "b.example"].map(|host| (host.to_owned(), 200));
        let machine = host::names().into_iter().map(|host| (host, 200));
        let unknown = [("c.example".to_owned(), 421), ("c.local".to_owned(), 421)];
        for (host, right) in known.into_iter().chain(machine).chain(unknown) {
            let request = Request::get("/").header("host", &host);
            let request = request.body(Body::empty()).unwrap();
            let answer = routes.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), right, "{host}");
        }
    }
}
