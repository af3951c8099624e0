// The part of Spotify's Web API and accounts service that the origin uses, as their documentation describes it:
// https://developer.spotify.com/documentation/web-api

import { ACCOUNT_NAME } from "./accounts.mjs";
import { library, picture, RANGES } from "./catalogue.mjs";

/** Whose account it is when nobody says: that of the demo. */
const USUAL_ACCOUNT = "listener";
const MOST = 50;

/** A refusal, with a body as the service in question writes it. */
export class Refusal extends Error {
  constructor(status, body, headers = {}) {
    super(`${status}`);
    Object.assign(this, { status, body, headers });
  }
}

const apiError = (status, message) => new Refusal(status, { error: { status, message } });
const oauthError = (error, error_description) => new Refusal(400, { error, error_description });

/** Routes by method and path. Each is given `{url, form, headers, base}` and answers `{status?, headers?, body}`, an object for
 *  JSON. */
export function routes(accounts, client) {
  function whoAsks({ headers }) {
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1];
    const account = accounts.whose(token);
    if (!account) throw apiError(401, token ? "The access token expired" : "No token provided");
    return account;
  }

  return {
    // Asks nobody and redirects at once. `account` is this stand-in's own parameter.
    "GET /authorize": ({ url }) => {
      const given = (name) => url.searchParams.get(name);
      const account = given("account") ?? USUAL_ACCOUNT;
      if (given("client_id") !== client.id) throw oauthError("invalid_client", "INVALID_CLIENT: Invalid client");
      if (!URL.canParse(given("redirect_uri"))) throw oauthError("invalid_request", "INVALID_CLIENT: Invalid redirect URI");
      if (given("response_type") !== "code") throw oauthError("unsupported_response_type", "response_type must be code");
      if (!ACCOUNT_NAME.test(account)) throw oauthError("invalid_request", "account is one word of a-z and 0-9");
      const back = new URL(given("redirect_uri"));
      back.searchParams.set("code", accounts.grant(account, given("redirect_uri")));
      if (given("state") !== null) back.searchParams.set("state", given("state"));
      return { status: 302, headers: { Location: back.href }, body: "" };
    },

    "POST /api/token": ({ form, headers }) => {
      const basic = Buffer.from(`${client.id}:${client.secret}`).toString("base64");
      if (headers.authorization !== `Basic ${basic}`) throw oauthError("invalid_client", "Invalid client");
      const asked = form.get("grant_type");
      if (asked === "authorization_code") {
        const tokens = accounts.exchange(form.get("code"), form.get("redirect_uri"));
        if (!tokens) throw oauthError("invalid_grant", "Invalid authorization code");
        return { body: tokens };
      }
      if (asked !== "refresh_token") throw oauthError("unsupported_grant_type", "grant_type parameter is missing or unknown");
      const tokens = accounts.refresh(form.get("refresh_token") ?? "");
      if (!tokens) throw oauthError("invalid_grant", "Refresh token revoked");
      return { body: tokens };
    },

    "GET /v1/me": (request) => {
      const { name } = whoAsks(request);
      const display = `${name[0].toUpperCase()}${name.slice(1)}`;
      return { body: { id: name, display_name: display, type: "user", uri: `spotify:user:${name}`, images: [] } };
    },

    "GET /v1/me/top/artists": (request) => {
      const account = whoAsks(request);
      const range = request.url.searchParams.get("time_range") ?? "medium_term";
      if (!RANGES.includes(range)) throw apiError(400, "Invalid time range");
      const limit = whole(request.url, "limit", 20, 1, MOST);
      const offset = whole(request.url, "offset", 0, 0, 100_000);
      const all = library(account.name, account.artists).top[range];
      const at = (offset) => `${request.base}/v1/me/top/artists?time_range=${range}&limit=${limit}&offset=${offset}`;
      return {
        body: {
          href: at(offset),
          items: all.slice(offset, offset + limit).map((artist) => described(artist, request.base)),
          limit,
          offset,
          total: all.length,
          next: offset + limit < all.length ? at(offset + limit) : null,
          previous: offset > 0 ? at(Math.max(0, offset - limit)) : null,
        },
      };
    },

    "GET /v1/me/following": (request) => {
      const account = whoAsks(request);
      if (request.url.searchParams.get("type") !== "artist") throw apiError(400, "Invalid type");
      const limit = whole(request.url, "limit", 20, 1, MOST);
      const after = request.url.searchParams.get("after");
      const all = library(account.name, account.artists).followed;
      const start = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
      if (after !== null && start === 0) throw apiError(400, "Invalid after");
      const page = all.slice(start, start + limit);
      const isLast = start + limit >= all.length;
      const at = (after) => `${request.base}/v1/me/following?type=artist&limit=${limit}${after ? `&after=${after}` : ""}`;
      return {
        body: {
          artists: {
            href: at(after),
            items: page.map((artist) => described(artist, request.base)),
            limit,
            total: all.length,
            next: isLast ? null : at(page.at(-1).id),
            cursors: { after: isLast ? null : page.at(-1).id },
          },
        },
      };
    },

    "GET /image": ({ url }) => ({
      headers: { "Content-Type": "image/svg+xml", "Cache-Control": "public, max-age=31536000, immutable" },
      body: picture(url.pathname.split("/")[2] ?? ""),
    }),
  };
}

function whole(url, name, usual, least, most) {
  const text = url.searchParams.get(name);
  if (text === null) return usual;
  if (!/^\d{1,6}$/.test(text) || Number(text) < least || Number(text) > most) throw apiError(400, `Invalid ${name}`);
  return Number(text);
}

/** An artist as the Web API describes one. */
function described({ id, name, genres }, base) {
  return {
    id,
    name,
    genres,
    type: "artist",
    href: `${base}/v1/artists/${id}`,
    uri: `spotify:artist:${id}`,
    external_urls: { spotify: `${base}/artist/${id}` },
    images: [640, 320, 160].map((size) => ({ url: `${base}/image/${id}/${size}`, width: size, height: size })),
  };
}
