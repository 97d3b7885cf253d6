import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Failure } from './failure.ts'
import { type ConnectionOptions, isLoopback, parseUrl, resolveConnection } from './key-source.ts'
import { type Profile, profilesPath, readProfiles, writeProfiles } from './profile.ts'
import { recordingTerminal } from './testing/run-against.ts'

async function homeFolder(t: TestContext): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'credence-cli-'))
  t.after(() => rm(home, { recursive: true, force: true }))
  return home
}

async function homeWithAll(t: TestContext): Promise<{ home: string; env: Record<string, string> }> {
  const home = await homeFolder(t)
  await mkdir(join(home, 'data'))
  await writeFile(join(home, 'data', 'admin.key'), 'from-data\n')
  await writeFile(join(home, 'option.key'), 'from-key-file\n')
  await writeFile(join(home, 'env.key'), 'from-env-file\n')
  const profile: Profile = { url: 'http://127.0.0.1:7001', keyFile: null, key: 'from-profile' }
  await writeProfiles(profilesPath({ HOME: home }), { current: 'one', byName: new Map([['one', profile]]) })
  return { home, env: { HOME: home, CREDENCE_DATA: join(home, 'data') } }
}

function resolve(options: ConnectionOptions, env: Record<string, string>, stdin = '') {
  return resolveConnection(options, recordingTerminal({ env, stdin }).terminal)
}

const refusedWith = (exitCode: number, text: string) => (error: unknown) =>
  error instanceof Failure && error.exitCode === exitCode && error.lines.join('\n').includes(text)

test('the key comes from the most explicit source', async (t) => {
  const { home, env } = await homeWithAll(t)
  const full = { ...env, CREDENCE_KEY: 'from-env' }
  const keyFile = join(home, 'option.key')
  assert.equal((await resolve({ keyFile }, full)).key, 'from-key-file')
  assert.equal((await resolve({ key: '-' }, full, ' from-stdin \n')).key, 'from-stdin')
  assert.equal((await resolve({ key: 'from-argument' }, full)).key, 'from-argument')
  assert.equal((await resolve({}, full)).key, 'from-env')
  assert.equal((await resolve({}, { ...env, CREDENCE_KEY_FILE: join(home, 'env.key') })).key, 'from-env-file')
  assert.equal((await resolve({}, env)).key, 'from-profile')
  await rm(profilesPath(env))
  assert.equal((await resolve({}, env)).key, 'from-data')
})

test('the server comes from --url, then CREDENCE_URL, then the profile, then the default', async (t) => {
  const { env } = await homeWithAll(t)
  const full = { ...env, CREDENCE_URL: 'http://127.0.0.1:7002', CREDENCE_KEY: 'k' }
  assert.equal((await resolve({ url: 'http://127.0.0.1:7003' }, full)).url.origin, 'http://127.0.0.1:7003')
  assert.equal((await resolve({}, full)).url.origin, 'http://127.0.0.1:7002')
  assert.equal((await resolve({}, env)).url.origin, 'http://127.0.0.1:7001')
  await rm(profilesPath(env))
  assert.equal((await resolve({}, env)).url.origin, 'http://127.0.0.1:6749')
})

test('a key on the command line works, with a warning that does not repeat it', async (t) => {
  const { env } = await homeWithAll(t)
  const { warnings } = await resolve({ key: 'from-argument' }, env)
  assert.match(warnings.join(), /shell history/)
  assert.doesNotMatch(warnings.join(), /from-argument/)
})

test("a profile's key goes to the profile's own server and to no other", async (t) => {
  const { env } = await homeWithAll(t)
  assert.equal((await resolve({ url: 'http://127.0.0.1:7001/' }, env)).key, 'from-profile')
  assert.equal((await resolve({ url: 'http://127.0.0.1:7009' }, env)).key, 'from-data')
  await assert.rejects(
    resolve({ url: 'https://other.example' }, env),
    refusedWith(3, 'only sent to this machine'),
  )
})

test('the admin key of the data folder goes to this machine and to no other', async (t) => {
  const { env } = await homeWithAll(t)
  await rm(profilesPath(env))
  for (const url of [
    'https://credence.example',
    'http://127.0.0.1.example',
    'http://localhost.example',
    'http://10.0.0.1',
  ]) {
    await assert.rejects(resolve({ url }, env), refusedWith(3, 'no key'), url)
  }
  for (const url of ['http://localhost:1', 'http://[::1]:1', 'http://127.1.2.3:1', 'http://2130706433/']) {
    assert.equal((await resolve({ url }, env)).key, 'from-data', url)
  }
})

test('a key for another machine without TLS is warned about', async (t) => {
  const { env } = await homeWithAll(t)
  const { warnings } = await resolve({ url: 'http://credence.example' }, { ...env, CREDENCE_KEY: 'k' })
  assert.match(warnings.join(), /unencrypted/)
})

test('without any key the command says where it looked and how to give one', async (t) => {
  const home = await homeFolder(t)
  await assert.rejects(
    resolve({}, { HOME: home, CREDENCE_DATA: home }),
    refusedWith(3, join(home, 'admin.key')),
  )
})

test('two sources of one rank are refused, not guessed between', async (t) => {
  const { home, env } = await homeWithAll(t)
  const keyFile = join(home, 'option.key')
  await assert.rejects(resolve({ key: 'x', keyFile }, env), refusedWith(2, 'exclude each other'))
  const both = { ...env, CREDENCE_KEY: 'x', CREDENCE_KEY_FILE: keyFile }
  await assert.rejects(resolve({}, both), refusedWith(2, 'both set'))
})

test('an unreadable, empty or longer file and a key that could end its header are refused without being shown', async (t) => {
  const { home, env } = await homeWithAll(t)
  await writeFile(join(home, 'two.key'), 'secret-one\nsecret-two\n')
  await writeFile(join(home, 'empty.key'), '\n')
  await assert.rejects(resolve({ keyFile: join(home, 'none.key') }, env), refusedWith(2, 'ENOENT'))
  await assert.rejects(resolve({ keyFile: join(home, 'empty.key') }, env), refusedWith(2, 'nothing in'))
  for (const options of [
    { keyFile: join(home, 'two.key') },
    { key: 'secret-one x' },
    { key: 'secret-one\u00e9' },
  ]) {
    await assert.rejects(
      resolve(options, env),
      (error) =>
        error instanceof Failure && error.exitCode === 2 && !error.lines.join().includes('secret-one'),
    )
  }
})

test('an address that is none, or that carries a password, is refused', () => {
  for (const text of ['', 'credence', 'ftp://x', 'http://user:pw@x', 'http://x/?a=b', 'http://x/#a']) {
    assert.throws(() => parseUrl(text), refusedWith(2, ''), text)
  }
  assert.ok(isLoopback(parseUrl('http://127.0.0.1:6749')))
})

test('profiles are readable by their owner only, also when they are written again', async (t) => {
  const { env } = await homeWithAll(t)
  const path = profilesPath(env)
  await writeProfiles(path, await readProfiles(path))
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.equal((await readProfiles(path)).byName.get('one')?.key, 'from-profile')
})

test('a profile that is named and does not exist, and a broken file, are refused', async (t) => {
  const { env } = await homeWithAll(t)
  await assert.rejects(resolve({ profile: 'two' }, env), refusedWith(2, 'no profile two'))
  await assert.rejects(
    resolve({}, { ...env, CREDENCE_PROFILE: 'toString' }),
    refusedWith(2, 'no profile toString'),
  )
  for (const text of ['{', '[]', '{"profiles":{"a":1}}', 'null']) {
    await writeFile(profilesPath(env), text)
    await assert.rejects(resolve({}, env), refusedWith(2, 'not a file of profiles'), text)
  }
})

test('XDG_CONFIG_HOME moves the profiles, unless it is relative', () => {
  assert.equal(profilesPath({ XDG_CONFIG_HOME: '/x', HOME: '/h' }), '/x/credence/profiles.json')
  assert.equal(profilesPath({ XDG_CONFIG_HOME: 'x', HOME: '/h' }), '/h/.config/credence/profiles.json')
})
