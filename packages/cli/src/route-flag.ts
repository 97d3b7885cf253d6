import { usageFailure } from './failure.ts'
import type { RouteResource } from './resources.ts'

const FORM = "'METHOD /path=scopes', 'METHOD /path=public' or 'METHOD /path' (any credential of the API)"

/**
 * `--route 'POST /orders/*=orders:write AND audit:log'`. The last `=` divides: a path may hold one, a scope expression
 * may not. `public` asks nobody who they are; nothing after the path asks for a credential and no scope.
 */
export function parseRoute(text: string): RouteResource {
  const { method, path } = parseRouteName(text.includes('=') ? text.slice(0, text.lastIndexOf('=')) : text)
  if (!text.includes('=')) return { method, path, scopes: null }
  const need = text.slice(text.lastIndexOf('=') + 1).trim()
  if (need === '') throw usageFailure(`nothing after = in ${JSON.stringify(text)}; a route is ${FORM}`)
  return need === 'public' ? { method, path, public: true } : { method, path, scopes: need }
}

/** `POST /orders/*`: the method and path that name a route. Methods are sent in upper case. */
export function parseRouteName(text: string): { method: string; path: string } {
  const [, method, path] = /^([A-Za-z]+|\*) +(\/\S*)$/.exec(text.trim()) ?? []
  if (method === undefined || path === undefined) {
    throw usageFailure(`${JSON.stringify(text)} is no route; a route is ${FORM}`)
  }
  return { method: method.toUpperCase(), path }
}

/** A route in the form in which the flag takes it. */
export function describeRoute(route: RouteResource): string {
  const need = route.public === true ? 'public' : (route.scopes ?? null)
  const name = `${route.method} ${route.path}`
  if (need === null) return name
  return `${name}=${typeof need === 'string' ? need : need.join(' AND ')}`
}
