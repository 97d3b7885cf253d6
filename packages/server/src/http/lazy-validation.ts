import AjvCompiler, { type BuildCompilerFromPool } from '@fastify/ajv-compiler'

type Validate = ReturnType<ReturnType<BuildCompilerFromPool>>

/**
 * Fastify's own validators, each compiled when the first request comes that needs it. Compiling all of them at the
 * start took a fifth of a second and 20 MB, most of it for routes that a given server never sees.
 */
export function lazyValidation(): BuildCompilerFromPool {
  const build = AjvCompiler()
  return (sharedSchemas, options) => {
    let compile: ReturnType<BuildCompilerFromPool> | null = null
    return (definition) => {
      let validate: Validate | null = null
      const lazy = (data: unknown): boolean => {
        compile ??= build(sharedSchemas, options)
        validate ??= compile(definition)
        const isValid = validate(data) as boolean
        lazy.errors = validate.errors
        return isValid
      }
      lazy.errors = null as Validate['errors']
      return lazy as unknown as Validate
    }
  }
}
