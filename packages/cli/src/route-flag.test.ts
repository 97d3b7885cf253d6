import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from './failure.ts'
import { describeRoute, parseRoute } from './route-flag.ts'

test('a route names method, path and what it needs', () => {
  assert.deepEqual(parseRoute('GET /healthz=public'), { method: 'GET', path: '/healthz', public: true })
  assert.deepEqual(parseRoute('GET /orders/*=orders:read'), {
    method: 'GET',
    path: '/orders/*',
    scopes: 'orders:read',
  })
  assert.deepEqual(parseRoute('* /a/**=a:b AND (c:d OR e)'), {
    method: '*',
    path: '/a/**',
    scopes: 'a:b AND (c:d OR e)',
  })
  assert.deepEqual(parseRoute('get /me'), { method: 'GET', path: '/me', scopes: null })
})

test('a path may hold an equals sign: the last one divides', () => {
  assert.deepEqual(parseRoute('GET /a=b=orders:read'), { method: 'GET', path: '/a=b', scopes: 'orders:read' })
})

test('what is no route is refused as a usage error that shows the form', () => {
  for (const text of [
    '',
    'GET',
    '/orders=orders:read',
    'GET orders=x',
    'GET /orders=',
    'G3T /x=y',
    'GET /a b=c',
  ]) {
    assert.throws(
      () => parseRoute(text),
      (error) => error instanceof Failure && error.exitCode === 2 && error.message.includes('METHOD /path'),
      text,
    )
  }
})

test('a route is shown in the form in which it is typed', () => {
  for (const text of ['GET /healthz=public', 'POST /orders/*=orders:write', 'GET /me']) {
    assert.equal(describeRoute(parseRoute(text)), text)
  }
})
