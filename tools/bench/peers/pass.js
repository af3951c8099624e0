// What any Worker in front of an origin costs: it asks, and hands on.
export default {
  fetch(request, env) {
    const { pathname } = new URL(request.url);
    return fetch(env.ORIGIN_URL + pathname, request);
  },
};
