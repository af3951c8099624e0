// Lists that the edge cuts into pages. Pages that fit into the longest one without a rest are cut from it here: it is what is
// asked for and stored, so that turning to the next page asks nobody.

import { lists } from "./policy.js";

/** The parameters of what is asked for: page `params` of `cls` is in it. What is no page is asked for as it is. */
export function asked(cls, params) {
  const list = lists[cls];
  if (!list) return params;
  // What is none the edge refuses, and says what is allowed.
  const { whole = params[list.page], longest = params[list.limit] } = pageOf(cls, params) ?? {};
  return { ...params, [list.page]: `${whole}`, [list.limit]: `${longest}` };
}

/** `result` as whoever asked for `params` sees it: with the page, and with how the edge says that the list stands. */
export function shown(cls, params, result) {
  const list = lists[cls];
  if (!list) return result;
  const path = list.items.slice(0, -1);
  const said = path.reduce((at, name) => at?.[name], result.data);
  const word = said?.[list.status];
  const status = list.says.includes(word) || (word === "stale" && result.status === "fresh") ? word : result.status;
  const warning = said?.[list.warning];
  const page = pageOf(cls, params);
  const data = page && Array.isArray(said?.[list.items.at(-1)]) ? cut(page, path, result.data) : result.data;
  return { ...result, data, status, ...(typeof warning === "string" && { warning }) };
}

function pageOf(cls, params) {
  const list = lists[cls];
  if (!list) return undefined;
  const number = Number(params?.[list.page] ?? list.first);
  const limit = Number(params?.[list.limit] ?? list.usual);
  if (!Number.isSafeInteger(number * limit) || number < list.first || limit < 1 || limit > list.most) return undefined;
  const longest = list.most % limit === 0 ? list.most : limit;
  const from = (number - list.first) * limit;
  const before = Math.floor(from / longest);
  return { list, number, limit, longest, whole: list.first + before, from, at: from - before * longest };
}

/** `data` with one page in it, along `path` made anew: others have the same. */
function cut(page, path, data) {
  const [name, ...rest] = path;
  if (name !== undefined) return { ...data, [name]: cut(page, rest, data[name]) };
  const { list, number, limit, from, at } = page;
  const items = list.items.at(-1);
  const { total } = data[list.pagination] ?? {};
  const pagination = total === undefined ? data[list.pagination] : { total, page: number, limit, has_more: from + limit < total };
  return { ...data, [items]: data[items].slice(at, at + limit), [list.pagination]: pagination };
}
