// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where misbehaviour is asked for: a directory devmem_lo/N in debugfs for each
 * device, with a file for each fault.
 *
 * Reading gives, in one line, what was asked and how often the fault struck:
 *	rate=10000 queue=2 times=all ms=20 hits=317
 * Writing takes the same words but hits; what is left out is `rate=1000000
 * queue=all times=all` and the fault's own default. rate=0 ends the fault.
 *
 * N counts devices, as names and numbers of devices repeat in other network
 * namespaces: the file `device` holds the namespace's inode, index and name.
 *
 * Files go while the device is uninitialised, under rtnl, and those who use
 * them are waited for: whoever needs rtnl here only tries.
 */
#include <linux/debugfs.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <net/net_namespace.h>

#include "devmem_lo.h"

/* A fault's @arg, from 1 to @max; @once: it happens when it is asked for, to the whole device. */
static const struct dlo_fault_info {
	const char *name;
	const char *arg;
	u32 preset;
	u32 max;
	bool whole;		/* not of a queue, but of the device */
	bool once;
} dlo_fault_infos[DLO_FAULTS] = {
	[DLO_FAULT_DROP]	= { .name = "drop" },
	[DLO_FAULT_DELAY]	= { .name = "delay", .arg = "ms", .preset = 20, .max = 10000 },
	[DLO_FAULT_REORDER]	= { .name = "reorder", .arg = "frames", .preset = 3, .max = 100 },
	[DLO_FAULT_DUPLICATE]	= { .name = "duplicate" },
	[DLO_FAULT_CORRUPT]	= { .name = "corrupt" },
	[DLO_FAULT_SILENT]	= { .name = "silent" },
	[DLO_FAULT_CHECKSUM]	= { .name = "checksum" },
	[DLO_FAULT_SPLIT_LATE]	= { .name = "split_late", .arg = "bytes", .preset = 4,
				    .max = DLO_MTU_MAX },
	[DLO_FAULT_SPLIT_EARLY]	= { .name = "split_early", .arg = "bytes", .preset = 4,
				    .max = DLO_HEAD_MAX },
	[DLO_FAULT_SKB]		= { .name = "skb" },
	[DLO_FAULT_NIOV]	= { .name = "niov" },
	[DLO_FAULT_UNREACHABLE]	= { .name = "unreachable" },
	[DLO_FAULT_SOURCE]	= { .name = "source" },
	[DLO_FAULT_STALL]	= { .name = "stall" },
	[DLO_FAULT_RING]	= { .name = "ring" },
	[DLO_FAULT_POOL]	= { .name = "pool" },
	[DLO_FAULT_PROBE]	= { .name = "probe" },
	[DLO_FAULT_CHANNELS]	= { .name = "channels", .whole = true },
	[DLO_FAULT_FLAP]	= { .name = "flap", .arg = "ms", .preset = 500, .max = 60000,
				    .whole = true, .once = true },
	[DLO_FAULT_VANISH]	= { .name = "vanish", .whole = true, .once = true },
};

static struct dentry *dlo_debugfs_root;
static struct workqueue_struct *dlo_debugfs_wq;
static DEFINE_IDA(dlo_debugfs_ida);

/* --- What happens at once ----------------------------------------------- */

static void dlo_flap(struct dlo_faults *f, u32 ms)
{
	struct net_device *dev = f->priv->dev;
	struct net_device *peer = rtnl_dereference(f->priv->peer);

	dlo_carrier(dev, peer, false);
	mod_delayed_work(dlo_debugfs_wq, &f->flap, msecs_to_jiffies(ms));
}

/* Cancelled under rtnl: it only tries to get it. */
static void dlo_flap_end(struct work_struct *work)
{
	struct dlo_faults *f = container_of(to_delayed_work(work), struct dlo_faults, flap);
	struct net_device *dev = f->priv->dev;
	struct net_device *peer;

	if (!rtnl_trylock()) {
		queue_delayed_work(dlo_debugfs_wq, &f->flap, 1);
		return;
	}
	peer = rtnl_dereference(f->priv->peer);
	if (peer && netif_running(dev) && netif_running(peer))
		dlo_carrier(dev, peer, true);
	rtnl_unlock();
}

/* Once: whoever asks again while the work waits for rtnl asks for what is to come. */
static void dlo_vanish(struct dlo_faults *f)
{
	if (f->vanishing)
		return;

	f->vanishing = true;
	netdev_hold(f->priv->dev, &f->vanish_tracker, GFP_KERNEL);
	queue_work(dlo_debugfs_wq, &f->vanish);
}

/* As if it was pulled out: gone for software first; its peer stays and has no carrier. */
static void dlo_vanish_work(struct work_struct *work)
{
	struct dlo_faults *f = container_of(work, struct dlo_faults, vanish);
	struct net_device *dev = f->priv->dev;

	rtnl_lock();
	if (dev->reg_state == NETREG_REGISTERED) {
		netif_device_detach(dev);
		unregister_netdevice(dev);
	}
	netdev_put(dev, &f->vanish_tracker);
	rtnl_unlock();			/* frees it, and @f */
}

/* --- A fault's file ----------------------------------------------------- */

static enum dlo_fault dlo_fault_of(const struct dlo_fault_setting *s)
{
	return s - s->faults->settings;
}

static int dlo_fault_show(struct seq_file *m, void *v)
{
	const struct dlo_fault_setting *s = m->private;
	enum dlo_fault fault = dlo_fault_of(s);
	const struct dlo_fault_info *info = &dlo_fault_infos[fault];

	if (!info->once) {
		seq_printf(m, "rate=%u ", READ_ONCE(s->rate));
		if (s->queue < 0)
			seq_puts(m, "queue=all ");
		else
			seq_printf(m, "queue=%d ", s->queue);
		if (s->limited)
			seq_printf(m, "times=%d ", atomic_read(&s->left));
		else
			seq_puts(m, "times=all ");
	}
	if (info->arg)
		seq_printf(m, "%s=%u ", info->arg, s->arg);
	seq_printf(m, "hits=%llu\n", dlo_fault_hits(s->faults, fault));
	return 0;
}

static int dlo_fault_number(const char *value, u32 min, u32 max, u32 *to)
{
	int err = kstrtou32(value, 10, to);

	if (err)
		return err;
	return *to < min || *to > max ? -ERANGE : 0;
}

/* NAME=VALUE, one of those that dlo_fault_show() prints, into @to. */
static int dlo_fault_word(struct dlo_faults *f, const struct dlo_fault_info *info, char *word,
			  struct dlo_fault_setting *to)
{
	char *value = word;
	int err = 0;
	u32 n;

	strsep(&value, "=");
	if (!value)
		return -EINVAL;
	if (!strcmp(word, "rate"))
		return dlo_fault_number(value, 0, info->once ? 0 : DLO_FAULT_ALWAYS, &to->rate);
	if (info->arg && !strcmp(word, info->arg))
		return dlo_fault_number(value, 1, info->max, &to->arg);

	if (!strcmp(word, "queue") && !info->whole) {
		to->queue = -1;
		if (strcmp(value, "all")) {
			err = dlo_fault_number(value, 0, f->priv->dev->num_rx_queues - 1, &n);
			if (!err)
				to->queue = n;
		}
		return err;
	}
	if (!strcmp(word, "times") && !info->once) {
		to->limited = strcmp(value, "all");
		if (to->limited) {
			err = dlo_fault_number(value, 1, INT_MAX, &n);
			if (!err)
				atomic_set(&to->left, n);
		}
		return err;
	}
	return -EINVAL;
}

static int dlo_fault_parse(struct dlo_faults *f, enum dlo_fault fault, char *text,
			   struct dlo_fault_setting *to)
{
	const struct dlo_fault_info *info = &dlo_fault_infos[fault];
	char *word;
	int err;

	*to = (struct dlo_fault_setting){
		.rate = DLO_FAULT_ALWAYS,
		.queue = -1,
		.arg = info->preset,
	};
	while ((word = strsep(&text, " ,\n"))) {
		if (!*word)
			continue;
		err = dlo_fault_word(f, info, word, to);
		if (err)
			return err;
	}
	return 0;
}

/* What was kept from polling has to look once more. */
static void dlo_fault_kick(struct dlo_priv *priv)
{
	unsigned int i;

	if (!netif_running(priv->dev))
		return;
	for (i = 0; i < priv->dev->num_rx_queues; i++)
		dlo_irq_raise(&priv->vectors[i]);
}

/* Under rtnl and the configuration's lock. */
static void dlo_fault_apply(struct dlo_faults *f, enum dlo_fault fault,
			    const struct dlo_fault_setting *to)
{
	struct dlo_fault_stream *stream = &f->queues[0].streams[fault];

	if (!dlo_fault_infos[fault].once) {
		dlo_fault_set(f, fault, to);
		dlo_fault_kick(f->priv);
		return;
	}
	if (!to->rate)
		return;
	f->settings[fault].arg = to->arg;
	WRITE_ONCE(stream->hits, stream->hits + 1);
	if (fault == DLO_FAULT_FLAP)
		dlo_flap(f, to->arg);
	else
		dlo_vanish(f);
}

static ssize_t dlo_fault_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	struct dlo_fault_setting *s = file_inode(file)->i_private;
	struct net_device *dev = s->faults->priv->dev;
	enum dlo_fault fault = dlo_fault_of(s);
	struct dlo_fault_setting to;
	char *text;
	int err;

	if (len > 127)
		return -EINVAL;
	text = memdup_user_nul(from, len);
	if (IS_ERR(text))
		return PTR_ERR(text);
	err = dlo_fault_parse(s->faults, fault, text, &to);
	kfree(text);
	if (err)
		return err;

	if (!rtnl_trylock())
		return restart_syscall();
	dlo_config_lock(dev);
	dlo_fault_apply(s->faults, fault, &to);
	dlo_config_unlock(dev);
	rtnl_unlock();
	return len;
}

static int dlo_fault_open(struct inode *inode, struct file *file)
{
	return single_open(file, dlo_fault_show, inode->i_private);
}

static const struct file_operations dlo_fault_fops = {
	.owner		= THIS_MODULE,
	.open		= dlo_fault_open,
	.read		= seq_read,
	.write		= dlo_fault_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

/* --- A device's directory ----------------------------------------------- */

static int dlo_device_show(struct seq_file *m, void *v)
{
	struct dlo_priv *priv = m->private;

	if (!rtnl_trylock())
		return restart_syscall();
	seq_printf(m, "%u %d %s\n", dev_net(priv->dev)->ns.inum, priv->dev->ifindex,
		   priv->dev->name);
	rtnl_unlock();
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(dlo_device);

static int dlo_seed_get(void *data, u64 *seed)
{
	struct dlo_faults *f = data;

	*seed = READ_ONCE(f->seed);
	return 0;
}

static int dlo_seed_set(void *data, u64 seed)
{
	struct dlo_faults *f = data;

	if (seed > U32_MAX)
		return -ERANGE;
	if (!rtnl_trylock())
		return restart_syscall();
	dlo_config_lock(f->priv->dev);
	dlo_faults_reseed(f, seed);
	dlo_config_unlock(f->priv->dev);
	rtnl_unlock();
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(dlo_seed_fops, dlo_seed_get, dlo_seed_set, "%llu\n");

/* While the device is made; undone by dlo_debugfs_remove(). Without debugfs there are no faults. */
int dlo_debugfs_add(struct dlo_priv *priv)
{
	struct dlo_faults *f = &priv->faults;
	char name[12];
	unsigned int i;

	INIT_DELAYED_WORK(&f->flap, dlo_flap_end);
	INIT_WORK(&f->vanish, dlo_vanish_work);
	f->id = ida_alloc(&dlo_debugfs_ida, GFP_KERNEL);
	if (f->id < 0)
		return f->id;

	snprintf(name, sizeof(name), "%d", f->id);
	f->dir = debugfs_create_dir(name, dlo_debugfs_root);
	debugfs_create_file("device", 0400, f->dir, priv, &dlo_device_fops);
	debugfs_create_file("seed", 0600, f->dir, f, &dlo_seed_fops);
	for (i = 0; i < DLO_FAULTS; i++) {
		f->settings[i].queue = -1;
		f->settings[i].arg = dlo_fault_infos[i].preset;
		debugfs_create_file(dlo_fault_infos[i].name, 0600, f->dir, &f->settings[i],
				    &dlo_fault_fops);
	}
	return 0;
}

void dlo_debugfs_remove(struct dlo_priv *priv)
{
	struct dlo_faults *f = &priv->faults;

	debugfs_remove(f->dir);
	ida_free(&dlo_debugfs_ida, f->id);
	cancel_delayed_work_sync(&f->flap);
}

/* --- Counters, for ethtool -S ------------------------------------------- */

int dlo_fault_stats_n(void)
{
	return DLO_FAULTS;
}

void dlo_fault_stats_strings(u8 **data)
{
	unsigned int i;

	for (i = 0; i < DLO_FAULTS; i++)
		ethtool_sprintf(data, "fault_%s", dlo_fault_infos[i].name);
}

void dlo_fault_stats_get(struct dlo_priv *priv, u64 *data)
{
	unsigned int i;

	for (i = 0; i < DLO_FAULTS; i++)
		data[i] = dlo_fault_hits(&priv->faults, i);
}

/* --- The module --------------------------------------------------------- */

int dlo_debugfs_init(void)
{
	dlo_debugfs_wq = alloc_workqueue(DLO_NAME, WQ_UNBOUND, 0);
	if (!dlo_debugfs_wq)
		return -ENOMEM;
	dlo_debugfs_root = debugfs_create_dir(DLO_NAME, NULL);
	return 0;
}

/* No device is left; the work of one that vanished may be at its last instructions. */
void dlo_debugfs_exit(void)
{
	debugfs_remove(dlo_debugfs_root);
	destroy_workqueue(dlo_debugfs_wq);
}
