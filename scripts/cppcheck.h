/* SPDX-License-Identifier: BSD-3-Clause */
/* Given to cppcheck before each file, in place of <sys/queue.h>, which it does not read. */
#define LIST_HEAD(name, type)       \
	struct name {               \
		struct type *first; \
	}
#define LIST_ENTRY(type)                       \
	struct {                               \
		struct type *next, **previous; \
	}
#define SLIST_HEAD(name, type)      \
	struct name {               \
		struct type *first; \
	}
#define SLIST_ENTRY(type)          \
	struct {                   \
		struct type *next; \
	}
#define STAILQ_HEAD(name, type)             \
	struct name {                       \
		struct type *first, **last; \
	}
#define STAILQ_ENTRY(type)         \
	struct {                   \
		struct type *next; \
	}
#define TAILQ_HEAD(name, type)              \
	struct name {                       \
		struct type *first, **last; \
	}
#define TAILQ_ENTRY(type)                      \
	struct {                               \
		struct type *next, **previous; \
	}

#define LIST_FOREACH(var, head, field)   for (var = (head)->first; var; var = var->field.next)
#define SLIST_FOREACH(var, head, field)  for (var = (head)->first; var; var = var->field.next)
#define STAILQ_FOREACH(var, head, field) for (var = (head)->first; var; var = var->field.next)
#define TAILQ_FOREACH(var, head, field)  for (var = (head)->first; var; var = var->field.next)
